"""autograd.functional beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import azuraforge
from azuraforge.autograd import functional
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import DTypeError, GradientError, ShapeError

torch = pytest.importorskip("torch")


def numbers(*shape: int, seed: int = 9) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def vector_of_one(m: Any) -> Callable[..., Any]:
    return lambda x: m.sin(x).sum(0) * x[0]


def two_of_two(m: Any) -> Callable[..., Any]:
    return lambda x, w: (m.tanh(x @ w), (w * w).sum() * x.sum())


def number_of_two(m: Any) -> Callable[..., Any]:
    return lambda x, w: (m.exp(0.3 * (x @ w)) * x.sum(1)).sum()


def number_of_one(m: Any) -> Callable[..., Any]:
    return lambda x: (x**3).sum() * m.cos(x[0, 0])


ONE, TWO = (numbers(3, 2),), (numbers(3, 2), numbers(2, seed=10))
CASES = [
    ("vjp", vector_of_one, ONE, numbers(2)),
    ("vjp", two_of_two, TWO, (numbers(3), np.array(0.7))),
    ("vjp", number_of_two, TWO, None),
    ("jvp", vector_of_one, ONE, numbers(3, 2)),
    ("jvp", two_of_two, TWO, (numbers(3, 2), numbers(2))),
    ("hvp", number_of_one, ONE, numbers(3, 2)),
    ("hvp", number_of_two, TWO, (numbers(3, 2), numbers(2))),
    ("vhp", number_of_two, TWO, (numbers(3, 2), numbers(2))),
]


def converted(make: Any, values: Any, **options: Any) -> Any:
    if isinstance(values, tuple):
        return tuple(make(x, **options) for x in values)
    return None if values is None else make(values, **options)


def flat(results: Any) -> list[Any]:
    if isinstance(results, tuple):
        return [array for each in results for array in flat(each)]
    return [results.detach().numpy()]


def alone(values: tuple[Any, ...]) -> Any:
    return values if len(values) > 1 else values[0]


def assert_alike(mine: Any, theirs: Any) -> None:
    own, other = flat(mine), flat(theirs)
    assert [x.shape for x in own] == [x.shape for x in other]
    for x, y in zip(own, other, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "make", "inputs", "v"), CASES)
def test_products_are_torchs(name: str, make: Any, inputs: Any, v: Any) -> None:
    mine = getattr(functional, name)(
        make(azuraforge), alone(converted(tensor, inputs)), converted(tensor, v)
    )
    theirs = getattr(torch.autograd.functional, name)(
        make(torch), alone(converted(torch.tensor, inputs)), converted(torch.tensor, v)
    )

    assert_alike(mine, theirs)


@pytest.mark.parametrize(
    ("name", "make", "inputs"),
    [
        ("jacobian", vector_of_one, ONE),
        ("jacobian", two_of_two, TWO),
        ("hessian", number_of_one, ONE),
        ("hessian", number_of_two, TWO),
    ],
)
def test_matrices_are_torchs(name: str, make: Any, inputs: Any) -> None:
    mine = getattr(functional, name)(make(azuraforge), alone(converted(tensor, inputs)))
    theirs = getattr(torch.autograd.functional, name)(
        make(torch), alone(converted(torch.tensor, inputs))
    )

    assert_alike(mine, theirs)


@pytest.mark.parametrize("name", ["jacobian", "hessian"])
def test_matrices_with_a_graph_can_be_differentiated(name: str) -> None:
    results = []
    for m, make, of in (
        (azuraforge, tensor, functional),
        (torch, torch.tensor, torch.autograd.functional),
    ):
        x = make(numbers(3, 2), requires_grad=True)
        matrix = getattr(of, name)(number_of_one(m), x, create_graph=True)
        (matrix * matrix).sum().backward()
        results.append(x.grad.numpy())

    np.testing.assert_allclose(*results, rtol=1e-9)


def test_an_output_that_depends_on_nothing_is_zeros_or_strictly_an_error() -> None:
    x, c = tensor([1.0, 2.0]), tensor([3.0])

    assert functional.jacobian(lambda x: c * 2.0, x).data.tolist() == [[0.0, 0.0]]
    with pytest.raises(GradientError, match="jacobian: an output does not depend on any input"):
        functional.jacobian(lambda x: c * 2.0, x, strict=True)
    with pytest.raises(GradientError, match="no output depends on input 1, and strict is True"):
        functional.vjp(lambda x, c: x.sum(), (x, c), strict=True)


def test_what_does_not_fit_is_refused() -> None:
    x = tensor([1.0, 2.0])

    with pytest.raises(ShapeError, match=r"vjp: v has the shapes \[\(3,\)\]; allowed: \[\(2,\)\]"):
        functional.vjp(lambda x: x * 2.0, x, tensor([1.0] * 3))
    with pytest.raises(ShapeError, match=r"jvp: v is needed for \(2,\)"):
        functional.jvp(lambda x: x * 2.0, x)
    with pytest.raises(GradientError, match=r"hessian: func gave \(2,\); allowed: .* one number"):
        functional.hessian(lambda x: x * 2.0, x)
    with pytest.raises(DTypeError, match=r"input 0 is int64; allowed: .* floating"):
        functional.jacobian(lambda x: x, tensor([1]))


def test_the_inputs_and_their_gradients_are_left_alone() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)

    functional.hessian(lambda x: (x**3).sum(), x)

    assert x.grad is None
    assert isinstance(x, Tensor)
    assert x.requires_grad
