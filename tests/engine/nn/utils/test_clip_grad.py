from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge import capture
from azuraforge.engine import nn, optim
from azuraforge.engine.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import NonFiniteError

SHAPES: list[tuple[int, ...]] = [(), (3,), (2, 5), (0,), (4, 1, 2)]


def weights(gradients: list[Any]) -> list[Tensor]:
    """Parameters with these gradients."""
    made = []
    for g in gradients:
        made.append(Tensor(np.zeros(g.shape, g.dtype), True))
        made[-1].grad = Tensor(np.array(g))
    return made


def drawn(rng: np.random.Generator, dtype: Any = np.float32, scale: float = 1.0) -> list[Any]:
    return [np.asarray(scale * rng.normal(size=shape), dtype) for shape in SHAPES]


def flat(params: list[Tensor]) -> Any:
    return np.concatenate([p.grad.data.ravel() for p in params if p.grad is not None])


@given(
    st.sampled_from([0.5, 1.0, 2.0, 3.0, math.inf]),
    st.floats(0.01, 100),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 99),
)
def test_the_norm_is_that_of_one_vector_and_bounds_it_afterwards(
    order: float, max_norm: float, dtype: Any, seed: int
) -> None:
    params = weights(drawn(np.random.default_rng(seed), dtype))
    before = flat(params)
    norm = np.linalg.norm(before.astype(np.float64), order)

    found = clip_grad_norm_(params, max_norm, order)

    assert found.dtype == dtype
    np.testing.assert_allclose(found.data, norm, rtol=1e-5)
    np.testing.assert_allclose(flat(params), before * min(1, max_norm / norm), rtol=1e-4)


def test_one_tensor_is_clipped_as_a_list_of_it() -> None:
    (w,) = weights([np.array([3.0, 4.0])])

    norm = clip_grad_norm_(w, 1.0)

    assert norm.item() == 5
    np.testing.assert_allclose(w.grad.data, [0.6, 0.8], rtol=1e-6)


def test_large_halves_have_a_finite_norm() -> None:
    (w,) = weights([np.full(4, 1000, np.float16)])

    norm = clip_grad_norm_([w], 2.0)

    assert norm.item() == 2000
    assert flat([w]).tolist() == [1, 1, 1, 1]


def test_values_are_clipped_one_by_one() -> None:
    params = weights([np.array([-3.0, 0.5, np.inf]), np.array([[np.nan, 2.0]])])

    clip_grad_value_(params, 1)

    np.testing.assert_array_equal(flat(params), [-1, 0.5, 1, np.nan, 1])


def test_what_has_no_gradient_is_left_out() -> None:
    without = tensor([1.0], requires_grad=True)

    norm = clip_grad_norm_([without, *weights([np.array([3.0])])], 9.0)

    assert (norm.item(), without.grad) == (3, None)
    assert clip_grad_norm_([without], 1.0).item() == 0
    assert get_total_norm([]).item() == 0


def test_a_generator_that_is_used_up_is_warned_of() -> None:
    parameters = nn.Linear(2, 2).parameters()
    list(parameters)

    with pytest.warns(UserWarning, match="empty generator"):
        clip_grad_norm_(parameters, 1.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_is_an_error_if_asked_for(bad: float) -> None:
    params = weights([np.array([1.0, bad])])

    with pytest.raises(NonFiniteError, match=r"norm of order 2\.0 is (nan|inf), so"):
        clip_grad_norm_(params, 1.0, error_if_nonfinite=True)

    np.testing.assert_array_equal(flat(params), [1, bad])


def clipped(how: Callable[[Any], Any], through: Callable[[Any], Any]) -> tuple[list[float], Any]:
    """A weight trained with clipped gradients, by a step that goes `through` a wrapper."""
    net = nn.Linear(3, 2)
    for i, parameter in enumerate(net.parameters()):
        parameter.data[...] = np.arange(parameter.data.size).reshape(parameter.shape) - i
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    def step(x: Tensor) -> Any:
        optimizer.zero_grad()
        loss = (net(x) * net(x)).sum()
        loss.backward()
        norm = how(net.parameters())
        optimizer.step()
        return loss if norm is None else (loss, norm)

    wrapped, seen = through(step), []
    for i in range(6):
        result = wrapped(tensor([[1.0, float(i), 0.01 * i]]))
        seen += [float(x.data) for x in (result if isinstance(result, tuple) else [result])]
    return [*seen, *net.weight.data.ravel().tolist()], wrapped


@pytest.mark.parametrize(
    "how",
    [
        lambda params: clip_grad_norm_(params, 1.0),
        lambda params: clip_grad_norm_(params, 5.0, math.inf),
        lambda params: clip_grad_value_(params, 0.7),
    ],
    ids=["norm", "largest", "value"],
)
def test_clipping_is_replayed(how: Callable[[Any], Any]) -> None:
    eager, _ = clipped(how, lambda step: step)

    replayed, captured = clipped(how, capture)

    assert captured.is_replayed
    assert replayed == eager


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.1, 1e3])
def test_clipping_is_pytorchs(order: float, max_norm: float, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")
    gradients = [g for g in drawn(rng) if g.size]
    params, peers = weights(gradients), [torch.zeros(g.shape) for g in gradients]
    for peer, g in zip(peers, gradients, strict=True):
        peer.grad = torch.as_tensor(np.array(g))

    norm = clip_grad_norm_(params, max_norm, order)
    clip_grads_with_norm_(params, max_norm / 2, tensor(max_norm))

    utils = torch.nn.utils
    np.testing.assert_allclose(norm.data, utils.clip_grad_norm_(peers, max_norm, order), rtol=1e-6)
    utils.clip_grads_with_norm_(peers, max_norm / 2, torch.tensor(max_norm))
    expected = np.concatenate([peer.grad.numpy().ravel() for peer in peers])
    np.testing.assert_allclose(flat(params), expected, rtol=1e-5)
