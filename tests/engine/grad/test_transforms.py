"""azuraforge.func beside torch.func."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import azuraforge
from azuraforge import func, nn
from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import ConfigError, GradientError, ShapeError

torch = pytest.importorskip("torch")


def numbers(*shape: int, seed: int = 9) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def flat(results: Any) -> list[Any]:
    if isinstance(results, dict):
        return [array for each in results.values() for array in flat(each)]
    if isinstance(results, tuple | list):
        return [array for each in results for array in flat(each)]
    return [results.detach().numpy()]


def assert_alike(mine: Any, theirs: Any) -> None:
    own, other = flat(mine), flat(theirs)
    assert [x.shape for x in own] == [x.shape for x in other]
    for x, y in zip(own, other, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


def wave(m: Any) -> Any:
    return lambda x, w: (m.sin(x) * w).sum()


SIDES = ((azuraforge, func, tensor), (torch, torch.func, torch.tensor))


def on_both(call: Any) -> None:
    mine, theirs = (call(m, of, make) for m, of, make in SIDES)

    assert_alike(mine, theirs)


def test_gradients_of_any_argument_and_order_are_torchs() -> None:
    on_both(lambda m, of, make: of.grad(wave(m))(make(numbers(3)), make(numbers(3))))
    on_both(lambda m, of, make: of.grad(wave(m), (0, 1))(make(numbers(3)), make(numbers(3))))
    on_both(lambda m, of, make: of.grad(of.grad(of.grad(m.sin)))(make(0.3)))

    def with_more(m: Any, of: Any, make: Any) -> Any:
        both = of.grad_and_value(lambda p: ((p["a"] * p["b"]).sum(), 2 * p["a"]), has_aux=True)
        return both({"a": make(numbers(3)), "b": make(numbers(3, seed=1))})

    on_both(with_more)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # in torch's jvp
def test_jacobians_and_products_are_torchs() -> None:
    def two(m: Any) -> Any:
        return lambda x, w: {"y": m.tanh(x) * w, "z": (x.sum() * w[0],)}

    on_both(lambda m, of, make: of.jacrev(two(m), (0, 1))(make(numbers(3)), make(numbers(3))))
    on_both(lambda m, of, make: of.jacfwd(two(m))(make(numbers(3)), make(numbers(3))))
    on_both(lambda m, of, make: of.hessian(wave(m), (0, 1))(make(numbers(3)), make(numbers(3))))

    def products(m: Any, of: Any, make: Any) -> Any:
        x, w, v = (make(numbers(3, seed=seed)) for seed in range(3))
        y, pull = of.vjp(two(m), x, w)
        return y, pull({"y": v, "z": (make(2.0),)}), of.jvp(two(m), (x, w), (v, w))

    on_both(products)


@pytest.mark.parametrize(("in_dims", "out_dims"), [((0, None), 0), ((1, 0), 1), ((-1, 0), -1)])
def test_a_map_over_an_axis_is_torchs(in_dims: Any, out_dims: int) -> None:
    def call(m: Any, of: Any, make: Any) -> Any:
        x = make(numbers(3, 3))
        w = make(numbers(3))
        mapped = of.vmap(lambda x, w: (m.sin(x) * w, x * 2.0), in_dims, out_dims)
        return mapped(x, w)

    on_both(call)


def test_gradients_per_sample_are_torchs_by_the_same_lines() -> None:
    mine = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    theirs.double().load_state_dict({k: torch.tensor(v) for k, v in mine.state_dict().items()})
    x, y = numbers(6, 4), np.arange(6) % 3

    def each(model: Any, F: Any, of: Any, make: Any) -> Any:
        def loss(params: Any, x: Any, y: Any) -> Any:
            return F.cross_entropy(of.functional_call(model, params, (x[None],)), y[None])

        params = {name: p.detach() for name, p in model.named_parameters()}
        return of.vmap(of.grad(loss), in_dims=(None, 0, 0))(params, make(x), make(y))

    assert_alike(
        each(mine, nn.functional, func, tensor),
        each(theirs, torch.nn.functional, torch.func, torch.tensor),
    )


def test_a_function_around_parameters_can_be_differentiated_by_them() -> None:
    results = []
    for _m, of, make in SIDES:
        w = make(numbers(3), requires_grad=True)
        g = of.grad(lambda x, w=w: ((x * w) ** 2).sum())(make(numbers(3, seed=1)))
        (g * g).sum().backward()
        results.append(w.grad)

    assert_alike(*results)


def test_results_have_no_past_where_nothing_around_asks_for_one() -> None:
    x = tensor(numbers(3))

    g, value = func.grad_and_value(lambda x: (x * x).sum())(x)
    with no_grad():
        inner = func.grad(lambda x: (x * x).sum())(tensor(numbers(3), requires_grad=True))

    assert not g.requires_grad
    assert not value.requires_grad
    assert not inner.requires_grad
    np.testing.assert_allclose(inner.data, 2 * numbers(3))


def test_a_call_with_other_parameters_leaves_the_modules_own_in_place() -> None:
    layer = nn.Linear(2, 1)
    own = layer.weight

    y = func.functional_call(layer, {"weight": tensor([[1.0, 2.0]])}, tensor([[3.0, 4.0]]))

    assert y.item() == pytest.approx(11.0 + layer.bias.item())
    assert layer.weight is own
    assert dict(layer.named_parameters())["weight"] is own
    with pytest.raises(ConfigError, match=r"functional_call: wrong is no parameter .* of Linear"):
        func.functional_call(layer, {"wrong": tensor([1.0])}, tensor([[3.0, 4.0]]))


def test_what_cannot_be_done_is_refused() -> None:
    x = tensor(numbers(3))

    with pytest.raises(GradientError, match=r"grad: func gave \(3,\); allowed: .* one number"):
        func.grad(lambda x: x)(x)
    with pytest.raises(ConfigError, match="argnums is 1; allowed: below 1"):
        func.grad(lambda x: x.sum(), 1)(x)
    with pytest.raises(ShapeError, match=r"vmap: the axes have the sizes \[3, 2\]"):
        func.vmap(lambda x, y: x)(x, tensor(numbers(2)))
    with pytest.raises(ShapeError, match=r"vmap: in_dim 1 for a tensor \(3,\)"):
        func.vmap(lambda x: x, in_dims=1)(x)
    with pytest.raises(ConfigError, match="in_dims None name no axis"):
        func.vmap(lambda x: x, in_dims=None)(x)
    assert isinstance(x, Tensor)
