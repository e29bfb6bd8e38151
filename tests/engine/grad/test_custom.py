from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from azuraforge.engine.grad.check import gradcheck, gradgradcheck
from azuraforge.engine.grad.custom import Function, once_differentiable
from azuraforge.engine.grad.higher import grad
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import GradientError


def leaf(*numbers: float) -> Tensor:
    return tensor(list(numbers), dtype="float64", requires_grad=True)


class Exp(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return g * y


class Scale(Function):
    """With a context that is set up apart, an input that is no tensor, and two outputs."""

    @staticmethod
    def forward(x: Tensor, w: Tensor, factor: float) -> tuple[Tensor, Tensor]:
        return x * w * factor, x > 0

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, w, ctx.factor = inputs
        ctx.save_for_backward(x, w)
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx: Any, g: Tensor, _: Any) -> Any:
        x, w = ctx.saved_tensors
        needs_x, needs_w, _ = ctx.needs_input_grad
        gx = g * w * ctx.factor if needs_x else None
        return gx, (g * x * ctx.factor).sum() if needs_w else None, None


def test_gradients_of_both_orders_are_those_of_backward() -> None:
    x, w = leaf(0.5, -0.3), leaf(2.0)[0].detach().requires_grad_()

    assert gradcheck(Exp.apply, [x])
    assert gradgradcheck(Exp.apply, [x])
    assert gradcheck(lambda x, w: Scale.apply(x, w, 3.0)[0], [x, w])
    assert gradgradcheck(lambda x, w: Scale.apply(x, w, 3.0)[0], [x, w])


def test_an_output_that_is_marked_needs_no_gradient() -> None:
    y, is_positive = Scale.apply(leaf(1.0, -1.0), leaf(1.0, 1.0), 2.0)

    assert y.requires_grad
    assert not is_positive.requires_grad


def test_backward_hears_which_inputs_need_a_gradient() -> None:
    heard = []

    class Listen(Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor, b: Tensor, c: str) -> Tensor:
            heard.append(ctx.needs_input_grad)
            return a + b

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return g, None, None

    Listen.apply(leaf(1.0), tensor([2.0], dtype="float64"), "c").backward()

    assert heard == [(True, False, False)]


def test_outputs_that_nothing_comes_back_to_have_zeros_or_none() -> None:
    class Two(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, materialize: bool) -> Any:
            ctx.set_materialize_grads(materialize)
            return x * 1.0, x * 2.0

        @staticmethod
        def backward(ctx: Any, one: Any, other: Any) -> Any:
            seen.append(other)
            return one, None

    seen: list[Any] = []
    for materialize in (True, False):
        Two.apply(leaf(1.0, 2.0), materialize)[0].sum().backward()

    assert seen[0].data.tolist() == [0, 0]
    assert seen[1] is None


def test_a_once_differentiable_backward_says_so_at_the_second_order_alone() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return g * 2.0 * x

    x = leaf(3.0)
    (gx,) = grad(Square.apply(x), [x], create_graph=True)

    assert gx is not None
    assert gx.item() == 6.0
    with pytest.raises(GradientError, match=r"Square.backward is once_differentiable"):
        gx.backward()


def test_a_saved_tensor_that_changed_in_place_is_found() -> None:
    w = leaf(2.0)

    class Double(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Any:
            ctx.mark_dirty(w)
            w.data[...] *= 2
            return w

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return None, g * 2.0

    v = w * 1.0
    y = v * v
    doubled = Double.apply(leaf(1.0), v)

    assert doubled is v
    with pytest.raises(GradientError, match=r"mul kept its a.* and Double changed it in place"):
        y.backward()


def test_a_wrong_number_of_gradients_is_named() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
            return a + b

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g

    with pytest.raises(GradientError, match=r"Wrong.backward returned 1 gradients; .* 2 inputs"):
        Wrong.apply(leaf(1.0), leaf(2.0)).backward()


def test_what_it_keeps_goes_when_the_graph_is_used_up() -> None:
    x = leaf(1.0, 2.0)
    middle = x * 2.0
    y = Exp.apply(middle)
    seen = weakref.ref(middle), weakref.ref(y)
    del middle

    gc.disable()
    try:
        y.sum().backward()
        with pytest.raises(GradientError, match="the graph through Exp was used up"):
            y.sum().backward()
        del y
        assert [found() for found in seen] == [None, None]
    finally:
        gc.enable()


def test_a_step_with_a_function_of_its_own_is_captured() -> None:
    w = leaf(0.1, 0.2)

    @capture
    def step(x: Tensor) -> Tensor:
        w.grad = None
        loss = Exp.apply(w * x).sum()
        loss.backward()
        return loss

    rng = np.random.default_rng(0)
    for _ in range(5):
        x = tensor(rng.standard_normal(2))
        loss = step(x)

    assert step.is_replayed
    assert loss.item() == pytest.approx(np.exp(w.data * x.data).sum())
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.data, x.data * np.exp(w.data * x.data))
