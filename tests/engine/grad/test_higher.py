from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.grad.autograd import Node
from azuraforge.engine.grad.higher import backward, grad
from azuraforge.engine.grad.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import GradientError, ShapeError


def leaf(*numbers: float) -> Tensor:
    return tensor(list(numbers), dtype="float64", requires_grad=True)


def test_grad_leaves_every_grad_alone() -> None:
    x, w = leaf(2.0), leaf(3.0)

    (gx,) = grad(x * w, [x])

    assert gx is not None
    assert gx.data.tolist() == [3.0]
    assert not gx.requires_grad
    assert x.grad is None
    assert w.grad is None


def test_grad_stops_at_a_tensor_on_the_way() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * y

    gy, gx = grad(z, [y, x])

    assert gy is not None
    assert gx is not None
    assert (gy.data.tolist(), gx.data.tolist()) == ([8.0], [32.0])


def test_the_gradient_of_an_output_by_itself_is_its_weight() -> None:
    x = leaf(2.0, 3.0)
    y = x * 1.0
    weight = tensor([5.0, 7.0], dtype="float64")

    (gy,) = grad(y, [y], weight)
    (gx,) = grad(x, [x], weight)

    assert gy is not None
    assert gx is not None
    assert gy.data.tolist() == gx.data.tolist() == [5.0, 7.0]


def test_gradients_of_several_outputs_add_up() -> None:
    x = leaf(2.0)
    y = x * x

    (g,) = grad([y, y * x], [x], [None, tensor([10.0], dtype="float64")])

    assert g is not None
    assert g.data.tolist() == [4.0 + 10 * 12]


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_any_order_of_the_sine_is_the_sine_moved_on(order: int) -> None:
    from azuraforge.engine.ops.trig import sin

    x = leaf(0.3)
    y = sin(x)
    for _ in range(order):
        (y,) = grad(y, [x], create_graph=True)

    assert y.item() == pytest.approx(math.sin(0.3 + order * math.pi / 2), rel=1e-12)


def test_backward_with_a_graph_leaves_gradients_that_can_be_differentiated() -> None:
    x = leaf(3.0)

    (x * x * x).backward(create_graph=True)
    first = x.grad
    assert first is not None
    x.grad = None
    first.backward()

    assert first.data.tolist() == [27.0]
    assert x.grad is not None
    assert x.grad.data.tolist() == [18.0]


def test_a_penalty_on_the_gradient_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    images, weights = rng.standard_normal((2, 1, 6, 6)), rng.standard_normal((3, 1, 3, 3))
    rows = rng.standard_normal((1, 3 * 4 * 4))

    def penalty(module: Any, x: Any, w: Any, v: Any, differentiate: Any) -> Any:
        h = module.gelu(module.conv2d(x, w)).reshape(2, -1)
        score = module.linear(h, v).sum()
        (g,) = differentiate(score, [x], create_graph=True)
        return ((g * g).sum() - 1.0) ** 2 + score

    mine = [Tensor(a.copy(), requires_grad=True) for a in (images, weights, rows)]
    penalty(nn.functional, *mine, grad).backward()
    theirs = [torch.tensor(a, requires_grad=True) for a in (images, weights, rows)]
    penalty(torch.nn.functional, *theirs, torch.autograd.grad).backward()

    for own, other in zip(mine, theirs, strict=True):
        assert own.grad is not None
        np.testing.assert_allclose(own.grad.data, other.grad.numpy(), rtol=1e-9, atol=1e-9)


def test_an_input_that_is_not_used_is_an_error_unless_allowed() -> None:
    x, other = leaf(2.0), leaf(3.0, 4.0)
    y = x * x

    with pytest.raises(GradientError, match="no output depends on input 1"):
        grad(y, [x, other], retain_graph=True)
    assert grad(y, [other], allow_unused=True, retain_graph=True) == (None,)
    (zeros,) = grad(y, [other], materialize_grads=True)
    assert zeros is not None
    assert zeros.data.tolist() == [0, 0]


def test_what_needs_no_gradient_is_refused() -> None:
    x, fixed = leaf(2.0), tensor([1.0])

    with pytest.raises(GradientError, match="input 0 needs no gradient"):
        grad(x * x, [fixed])
    with pytest.raises(GradientError, match="output 0 needs no gradient"):
        grad(fixed, [x])
    with pytest.raises(ShapeError, match=r"grad: gradient \(2,\) for a tensor \(1,\)"):
        grad(x * x, [x], tensor([1.0, 2.0]))


def test_grad_uses_the_graph_up_unless_it_is_retained() -> None:
    x = leaf(2.0)
    y = x * x

    grad(y, [x], retain_graph=True)
    grad(y, [x])

    with pytest.raises(GradientError, match="used up"):
        grad(y, [x])


def test_modes_nest_decorate_and_switch() -> None:
    x = leaf(2.0)

    @no_grad()
    def without(depth: int) -> bool:
        return (x * x).requires_grad or (depth > 0 and without(depth - 1))

    @enable_grad
    def anyway() -> bool:
        return (x * x).requires_grad

    assert not without(2)
    with no_grad():
        assert anyway()
        with set_grad_enabled(True):
            assert (x * x).requires_grad
        assert not (x * x).requires_grad
    with inference_mode():
        assert not (x * x).requires_grad
    with inference_mode(False):
        assert (x * x).requires_grad
    set_grad_enabled(False)
    off = (x * x).requires_grad
    set_grad_enabled(True)
    assert not off
    assert (x * x).requires_grad


def test_gradients_with_a_graph_go_through_every_cell() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    for kind in ("LSTM", "GRU"):
        mine = getattr(nn, kind)(3, 2).double()
        theirs = getattr(torch.nn, kind)(3, 2).double()
        state = {k: torch.tensor(v) for k, v in mine.state_dict().items()}
        theirs.load_state_dict(state)
        data = rng.standard_normal((4, 2, 3))
        x, tx = Tensor(data.copy(), requires_grad=True), torch.tensor(data, requires_grad=True)

        (g,) = grad(mine(x)[0].square().sum(), [x], create_graph=True)
        assert g is not None
        g.square().sum().backward()
        (tg,) = torch.autograd.grad(theirs(tx)[0].square().sum(), [tx], create_graph=True)
        tg.square().sum().backward()

        assert x.grad is not None
        np.testing.assert_allclose(x.grad.data, tx.grad.numpy(), rtol=1e-9, atol=1e-12)
        for own, other in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert own.grad is not None
            np.testing.assert_allclose(own.grad.data, other.grad.numpy(), rtol=1e-9, atol=1e-12)


def count_nodes() -> int:
    return sum(issubclass(type(x), Node) for x in gc.get_objects())


def test_gradients_with_a_graph_are_freed() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x = tensor(np.ones((2, 4)), requires_grad=True)

    gc.collect()
    before = count_nodes()
    gc.disable()
    try:
        y = model(x).sum()
        (g,) = grad(y, [x], create_graph=True)
        assert g is not None
        (gg,) = grad((g * g).sum(), [x], create_graph=True)
        assert gg is not None
        seen = [weakref.ref(t) for t in (y, g, gg)]
        del y, g, gg
        assert [found() for found in seen] == [None] * 3
        assert count_nodes() == before
    finally:
        gc.enable()


def test_backward_may_be_for_some_inputs_alone_and_from_several_tensors() -> None:
    x, w = leaf(2.0), leaf(3.0)
    y = x * w

    y.backward(inputs=[x], retain_graph=True)
    backward([y, y * y], [None, tensor([10.0], dtype="float64")], inputs=x)

    assert w.grad is None
    assert x.grad is not None
    assert x.grad.data.tolist() == [3.0 + 3.0 + 10 * 2 * 6.0 * 3.0]


def test_backward_for_some_inputs_can_be_differentiated() -> None:
    x = leaf(2.0)

    (x * x * x).backward(inputs=[x], create_graph=True)
    first = x.grad
    assert first is not None
    (second,) = grad(first, [x])

    assert second is not None
    assert (first.item(), second.item()) == (12.0, 12.0)


def test_modes_are_decorators_in_all_of_torchs_ways() -> None:
    @inference_mode
    def plain() -> bool:
        return is_grad_enabled()

    @inference_mode()
    def called() -> bool:
        return is_grad_enabled()

    @set_grad_enabled(False)
    def off() -> bool:
        return is_grad_enabled()

    assert (plain(), called(), off(), is_grad_enabled()) == (False, False, False, True)
    with inference_mode(False):
        assert is_grad_enabled()
