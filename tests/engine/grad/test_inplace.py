"""Tensors changed in place, beside PyTorch's."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import azuraforge
from azuraforge.engine.grad.check import gradcheck, gradgradcheck
from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import DTypeError, GradientError, ShapeError


def leaf(*numbers: float) -> Tensor:
    return tensor(list(numbers), dtype="float64", requires_grad=True)


def set_a_row(m: Any, x: Any, w: Any) -> Any:
    y = x * 1.0
    y[1] = w
    return y


def fill_zeros_row_by_row(m: Any, x: Any, w: Any) -> Any:
    y = m.zeros(3, 4, dtype=m.float64)
    for i in range(3):
        y[i] = x[i] * w
    return y * y


def add_to_a_part(m: Any, x: Any, w: Any) -> Any:
    y = x * 2.0
    y[:, 1:3] += w[:2]
    return y


def change_a_view(m: Any, x: Any, w: Any) -> Any:
    y = x * 2.0
    y[0].mul_(w)
    return y * x


def change_a_view_of_a_view(m: Any, x: Any, w: Any) -> Any:
    y = x * 2.0
    y.transpose(0, 1)[1:3][0].copy_(w[:3] ** 2)
    return y * x


def change_the_whole_and_look_at_a_view(m: Any, x: Any, w: Any) -> Any:
    y = x * 2.0
    row = y[1]
    y.mul_(w)
    return row * row


def change_a_view_and_look_at_another(m: Any, x: Any, w: Any) -> Any:
    y = x * 2.0
    one, other = y.reshape(12), y[:, 1]
    one.mul_(3.0).add_(w.sum())
    return other * other


def a_constant_that_takes_a_past(m: Any, x: Any, w: Any) -> Any:
    y = m.ones(3, 4, dtype=m.float64)
    row = y[2]
    y.mul_(x)
    return row * w


def by_itself(m: Any, x: Any, w: Any) -> Any:
    y = x * 1.0
    y.add_(y)
    y += y
    return y * y


def by_a_mask(m: Any, x: Any, w: Any) -> Any:
    y = x * 1.0
    y[x.detach() > 0] = 5.0
    return y * y


def by_indices_that_repeat_none(m: Any, x: Any, w: Any) -> Any:
    y = x * 1.0
    y[[2, 0], [1, 3]] = w[:2]
    return y * y


def a_chain(m: Any, x: Any, w: Any) -> Any:
    y = x * 1.0
    return y.clamp_(min=-0.5).sub_(w, alpha=2).div_(3.0).neg_().tanh_()


def detached_part_changes_too(m: Any, x: Any, w: Any) -> Any:
    y = x + 0.0
    y.detach().zero_()
    return y + w


def turned(m: Any, x: Any, w: Any) -> Any:
    y = x * 1.0
    y.t_().unsqueeze_(0).mul_(2.0)
    return y


def filled(m: Any, x: Any, w: Any) -> Any:
    y = x * w
    y[0].fill_(2.0)
    y.index_add_(0, m.tensor([1, 2]), x[:2] * 3.0)
    y.masked_fill_(x.detach() < -1, 0.0)
    return y * y


FUNCTIONS: list[Callable[..., Any]] = [
    set_a_row,
    fill_zeros_row_by_row,
    add_to_a_part,
    change_a_view,
    change_a_view_of_a_view,
    change_the_whole_and_look_at_a_view,
    change_a_view_and_look_at_another,
    a_constant_that_takes_a_past,
    by_itself,
    by_a_mask,
    by_indices_that_repeat_none,
    a_chain,
    detached_part_changes_too,
    turned,
    filled,
]


def inputs() -> list[Any]:
    rng = np.random.default_rng(8)
    return [rng.standard_normal((3, 4)), rng.standard_normal(4)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_and_gradients_are_torchs(function: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    mine = [tensor(x, requires_grad=True) for x in inputs()]
    theirs = [torch.tensor(x, requires_grad=True) for x in inputs()]

    y, expected = function(azuraforge, *mine), function(torch, *theirs)
    (y * y + y).sum().backward()
    (expected * expected + expected).sum().backward()

    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-12)
    for own, other in zip(mine, theirs, strict=True):
        assert (own.grad is None) == (other.grad is None)
        if own.grad is not None:
            np.testing.assert_allclose(own.grad.data, other.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_of_both_orders_are_differences(function: Callable[..., Any]) -> None:
    given = [tensor(x, requires_grad=True) for x in inputs()]
    if function is detached_part_changes_too:
        return  # wrong by intention: detach() says that nobody follows

    assert gradcheck(lambda x, w: function(azuraforge, x, w), given)
    assert gradgradcheck(lambda x, w: function(azuraforge, x, w), given)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda x: x.add_(1.0), "add_"),
        (lambda x: x[0].zero_(), "fill_"),
        (lambda x: x.detach().mul_(2.0), "mul_"),
        (lambda x: x.__setitem__(0, 3.0), "__setitem__"),
    ],
)
def test_what_was_kept_for_a_gradient_and_changed_is_found_and_the_op_named(
    change: Callable[[Tensor], Any], name: str
) -> None:
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = y * y
    change(y)

    with pytest.raises(GradientError, match=f"mul kept its a.*and {name} changed it in place"):
        z.sum().backward()


def test_what_was_kept_elsewhere_in_the_memory_may_change() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = y[0] * y[0]
    y[1] = 5.0

    z.backward()

    assert x.grad is not None
    assert x.grad.data.tolist() == [2.0, 0.0]


def test_a_leaf_changes_in_place_only_where_that_is_not_recorded() -> None:
    w = leaf(1.0, 2.0)

    with pytest.raises(GradientError, match="add_: a leaf that needs a gradient cannot change"):
        w.add_(1.0)
    with pytest.raises(GradientError, match="__setitem__: a view of a leaf that needs"):
        w[0:1][0] = 2.0
    with no_grad():
        w -= 0.5
        w[0] = 7.0

    assert w.requires_grad
    assert w.is_leaf
    assert w.data.tolist() == [7.0, 1.5]


def test_a_parameter_changed_between_forward_and_backward_is_found() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    with no_grad():
        w -= 0.1

    with pytest.raises(GradientError, match="sub_ changed it in place"):
        loss.backward()


@pytest.mark.parametrize("name", ["SGD", "Adam", "LBFGS"])
def test_a_parameter_that_an_optimizer_moved_before_backward_is_found(name: str) -> None:
    w = leaf(1.0, 2.0)
    optimizer = getattr(azuraforge.optim, name)([w], lr=0.1)
    first, second = (w * w).sum(), (w * w * w).sum()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    first.backward()
    optimizer.step(closure)

    with pytest.raises(GradientError, match=rf"mul kept its .*{name}.step\(\) changed it in place"):
        second.backward()


def test_results_that_do_not_fit_in_place_are_refused() -> None:
    x = tensor([1, 2])

    with pytest.raises(DTypeError, match=r"add_.*int64 in place cannot hold float32"):
        x.add_(tensor([0.5, 0.5]))
    with pytest.raises(ShapeError, match=r"\(3, 2\) does not fit in place, into \(2,\)"):
        x.add_(tensor([[1, 2]] * 3))
    with pytest.raises(ShapeError, match="several elements of this tensor"):
        tensor([1.0]).expand(3).add_(1.0)
    with pytest.raises(ShapeError, match=r"setitem: .*do not fit"):
        x[0] = tensor([1, 2, 3])
    assert x.data.tolist() == [1, 2]


def test_what_is_put_in_place_takes_the_type_of_the_tensor() -> None:
    x = tensor([1.0, 2.0, 3.0])
    x[0] = tensor(5, dtype="float64")
    x.mul_(tensor([2, 2, 2]))
    x.copy_(x + tensor([1.0], dtype="float64"))

    assert x.dtype == np.float32
    assert x.data.tolist() == [11.0, 5.0, 7.0]


def test_the_version_counts_changes_of_the_memory() -> None:
    x = tensor([1.0, 2.0])
    row = x[0:1]
    before = x._version

    row.add_(1.0)
    x.zero_()

    assert (before, x._version, row._version) == (0, 2, 2)


def test_an_op_in_place_finds_the_numbers_that_were_there() -> None:
    x = leaf(2.0)
    y = x * 1.0

    y.mul_(y).exp_().add_(1.0)  # PyTorch refuses this: exp_ kept what add_ changes
    y.backward()

    assert x.grad is not None
    assert x.grad.item() == pytest.approx(2 * 2.0 * np.exp(4.0))


def test_random_numbers_come_from_the_generator() -> None:
    x, y = (tensor(np.zeros(1000)) for _ in range(2))
    x.normal_(2.0, 3.0, generator=azuraforge.engine.Generator(1))
    y.normal_(2.0, 3.0, generator=azuraforge.engine.Generator(1))

    assert x.data.tolist() == y.data.tolist()
    assert x.data.mean() == pytest.approx(2.0, abs=0.3)
    assert x.data.std() == pytest.approx(3.0, abs=0.3)
    assert 0 <= y.uniform_(0, 2).data.min() <= y.data.max() < 2
    assert set(y.bernoulli_(0.3).data.tolist()) == {0.0, 1.0}
    assert y.exponential_(2.0).data.mean() == pytest.approx(0.5, abs=0.1)
    assert set(y.random_(2, 4).data.tolist()) == {2.0, 3.0}


def test_detach_in_place_takes_the_past_away() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2.0

    assert y.detach_() is y
    assert not y.requires_grad
    assert y.is_leaf
    with pytest.raises(GradientError, match="detach_: this tensor is a view"):
        (x * 2.0)[0].detach_()


def test_tensors_that_were_changed_are_freed() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2.0
    view = y[0]
    view.mul_(3.0)
    y[1] = view
    seen = [weakref.ref(y), weakref.ref(view)]

    gc.disable()
    try:
        y.sum().backward()
        del y, view
        assert [found() for found in seen] == [None, None]
    finally:
        gc.enable()


def test_a_step_that_changes_tensors_in_place_is_captured() -> None:
    rng = np.random.default_rng(3)
    w, kept = tensor(rng.standard_normal(4), requires_grad=True), tensor(np.zeros(4))

    def train(x: Tensor) -> Tensor:
        w.grad = None
        h = x * w
        h.add_(1.0)
        h[0] = w * 2.0
        h[1].mul_(3.0)
        loss = (h * h).sum()
        loss.backward()
        with no_grad():
            kept.mul_(0.9).add_(h[2], alpha=0.1)
            w.sub_(w.grad, alpha=0.01)
        return loss

    def run(step: Any) -> list[Any]:
        draw = np.random.default_rng(5)
        w.data[...], kept.data[...] = 1.0, 0.0
        losses = [step(tensor(draw.standard_normal((3, 4)))).item() for _ in range(7)]
        return [*losses, w.data.tolist(), kept.data.tolist()]

    step = capture(train)
    expected = run(train)

    assert run(step) == expected
    assert step.reason is None
    assert step.is_replayed


def test_a_captured_step_puts_constants_that_it_changes_back() -> None:
    w = tensor([1.0, 2.0, 3.0], dtype="float64", requires_grad=True)

    def train(x: Tensor) -> Tensor:
        w.grad = None
        out = azuraforge.zeros(3, dtype="float64")
        before = out + 1.0
        out.add_(x * w)
        out[0] = x[0] * w[0] * w[0]
        loss = (out * out * before).sum()
        loss.backward()
        return loss

    def run(step: Any) -> list[Any]:
        draw = np.random.default_rng(5)
        found = []
        for _ in range(6):
            loss = step(tensor(draw.standard_normal(3)))
            found += [loss.item(), w.grad.data.tolist()]
        return found

    step = capture(train)
    expected = run(train)

    assert run(step) == expected
    assert step.is_replayed
