from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from azuraforge.engine.grad.higher import grad
from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import GradientError


def leaf(*numbers: float) -> Tensor:
    return tensor(list(numbers), dtype="float64", requires_grad=True)


def test_a_hook_sees_the_whole_gradient_and_may_replace_it() -> None:
    x, seen = leaf(2.0), []
    y = x * 3.0
    y.register_hook(lambda g: seen.append(g.item()))
    y.register_hook(lambda g: g * 10.0)

    (y * y + y).backward()

    assert seen == [2 * 6.0 + 1]
    assert x.grad is not None
    assert x.grad.item() == 13 * 10 * 3


def test_a_hook_of_a_leaf_runs_once_with_the_sum() -> None:
    x, seen = leaf(2.0), []
    handle = x.register_hook(lambda g: seen.append(g.item()))

    (x * 3.0 + x * x).backward()
    handle.remove()
    (x * 3.0).backward()

    assert seen == [7.0]
    assert x.grad is not None
    assert x.grad.item() == 10.0


def test_a_handle_used_in_with_takes_its_hook_away_at_the_end() -> None:
    x, seen = leaf(2.0), []

    with x.register_hook(lambda g: seen.append(g.item())):
        (x * 3.0).backward()
    (x * 5.0).backward()

    assert seen == [3.0]


def test_a_retained_gradient_is_that_after_the_hooks() -> None:
    x = leaf(2.0)
    y = x * 3.0
    y.retain_grad()
    y.register_hook(lambda g: g * 10.0)

    (y * y).backward()

    assert y.retains_grad
    assert not x.retains_grad
    assert y.grad is not None
    assert y.grad.item() == 120.0


def test_hooks_run_where_the_gradient_is_recorded_too() -> None:
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * x)

    (gx,) = grad(y, [x], create_graph=True)
    assert gx is not None
    (gxx,) = grad(gx, [x])

    assert gxx is not None
    assert (gx.item(), gxx.item()) == (2 * 2.0**2, 4 * 2.0)  # x · 2x, and its derivative


def test_a_hook_where_no_gradient_comes_is_refused() -> None:
    with pytest.raises(GradientError, match="register_hook: this tensor needs no gradient"):
        tensor([1.0]).register_hook(lambda g: None)
    with (
        pytest.raises(GradientError, match="retain_grad: this tensor needs no gradient"),
        no_grad(),
    ):
        (leaf(1.0) * 2.0).retain_grad()


def test_a_hook_that_gives_another_shape_is_refused() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2.0
    y.register_hook(lambda g: g.sum())

    with pytest.raises(GradientError, match=r"a hook gave \(\) for a gradient \(2,\)"):
        y.sum().backward()


def test_a_tensor_with_hooks_and_a_retained_gradient_is_freed() -> None:
    x = leaf(2.0)
    y = x * 3.0
    y.retain_grad()
    y.register_hook(lambda g: g * 2.0)
    seen = weakref.ref(y)

    y.backward()
    gc.disable()
    try:
        del y
        assert seen() is None
    finally:
        gc.enable()


def test_hooks_of_a_captured_step_are_replayed_and_new_ones_take_effect() -> None:
    w = leaf(1.0, 2.0)

    @capture
    def step(x: Tensor) -> Tensor:
        w.grad = None
        y = w * x
        y.register_hook(lambda g: g * 10.0)
        loss = (y * y).sum()
        loss.backward()
        return loss

    x = tensor([1.0, 3.0], dtype="float64")
    for _ in range(4):
        step(x)
    assert w.grad is not None
    before, was_replayed = w.grad.data.copy(), step.is_replayed
    w.register_hook(lambda g: g + 1.0)
    step(x)

    assert was_replayed
    np.testing.assert_allclose(before, 10 * 2 * w.data * x.data**2)
    np.testing.assert_allclose(w.grad.data, before + 1)
