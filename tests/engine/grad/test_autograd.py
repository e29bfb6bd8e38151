from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.grad.autograd import detect_anomaly, is_grad_enabled, no_grad
from azuraforge.engine.ops import elementwise
from azuraforge.engine.replay.tape import Tape, copy_to, recording
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import GradientError, NonFiniteError, ShapeError


def leaf(*numbers: float) -> Tensor:
    return tensor(list(numbers), requires_grad=True)


def grad(x: Tensor) -> Any:
    assert x.grad is not None
    return x.grad.data


def test_a_chain_of_100_000_ops_goes_there_back_and_away() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0

    y.backward()
    last = y.item()
    del y

    assert last == 100_001
    assert grad(x).tolist() == [1.0]


def test_gradients_over_a_diamond_add_up() -> None:
    x = leaf(3.0)
    left, right = x * 2.0, x * x

    (left * right + left).sum().backward()

    assert grad(x).tolist() == [6 * 9 + 2]  # d(2x³ + 2x)


def test_the_gradient_over_many_diamonds_takes_one_walk() -> None:
    y = x = leaf(1.0)
    for _ in range(60):  # 2**60 paths
        y = (y + y) * 0.5

    y.backward()

    assert grad(x).tolist() == [1.0]


def test_a_leaf_collects_over_two_backward_calls() -> None:
    x = leaf(3.0)

    (x * x).backward()
    (x * 5.0).backward()

    assert grad(x).tolist() == [11.0]


def test_a_tensor_added_to_itself_has_twice_the_gradient() -> None:
    x = leaf(3.0)

    (x + x).backward()

    assert grad(x).tolist() == [2.0]


def test_leaves_of_one_op_own_separate_gradients() -> None:
    a, b, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), tensor([1.0, 1.0])

    (a + b).backward(seed)
    grad(a)[...] = 7

    assert grad(b).tolist() == [1, 1]
    assert seed.data.tolist() == [1, 1]


def test_the_gradient_of_a_leaf_itself_is_a_copy() -> None:
    x, seed = leaf(1.0, 2.0), tensor([5.0, 6.0])

    x.backward(seed)
    grad(x)[...] = 0

    assert seed.data.tolist() == [5, 6]


def test_backward_where_nothing_needs_a_gradient_is_refused() -> None:
    with pytest.raises(GradientError, match="needs no gradient"):
        (tensor([1.0]) * 2.0).backward()


def test_backward_from_several_numbers_needs_a_gradient() -> None:
    y = leaf(1.0, 2.0) * 2.0

    with pytest.raises(GradientError, match=r"shape \(2,\) needs the `gradient` argument"):
        y.backward()
    with pytest.raises(ShapeError, match=r"gradient \(3,\) for a tensor \(2,\)"):
        y.backward(tensor([1.0, 1.0, 1.0]))


def test_a_graph_is_used_up_by_backward() -> None:
    y = leaf(3.0).square()
    y.backward()

    with pytest.raises(GradientError, match="used up by an earlier backward"):
        y.backward()


def test_a_retained_graph_can_be_walked_again() -> None:
    x = leaf(3.0)
    y = x.square()

    y.backward(retain_graph=True)
    y.backward()

    assert grad(x).tolist() == [12.0]


def test_nothing_is_recorded_within_no_grad() -> None:
    x = leaf(3.0)

    with no_grad():
        y = x * 2.0

    assert (y.requires_grad, y.node) == (False, None)
    assert (x * 2.0).requires_grad


def test_recording_goes_on_after_an_error_within_no_grad() -> None:
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0

    assert is_grad_enabled()


def test_no_grad_in_one_thread_leaves_another_alone() -> None:
    seen: list[bool] = []

    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((leaf(1.0) * 2.0).requires_grad))
        thread.start()
        thread.join()

    assert seen == [True]


@pytest.mark.parametrize("used", [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
def test_any_outputs_of_an_op_can_be_used_alone(used: tuple[int, ...]) -> None:
    model = nn.LSTM(3, 2).double()
    x = Tensor(np.random.default_rng(0).standard_normal((4, 2, 3)), requires_grad=True)

    def total(x: Tensor) -> Tensor:
        y, (h_n, c_n) = model(x)
        parts = [(y, h_n, c_n)[i].square().sum() for i in used]
        return sum(parts[1:], parts[0])

    total(x).backward()
    found, step, at = grad(x)[1, 0, 2], 1e-6, (1, 0, 2)
    values = []
    for sign in (1, -1):
        moved = x.data.copy()
        moved[at] += sign * step
        values.append(total(Tensor(moved)).item())

    assert found == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6)


def test_whole_numbers_cannot_need_a_gradient() -> None:
    with pytest.raises(GradientError, match=r"int64 has no gradient"):
        tensor([1, 2], requires_grad=True)
    with pytest.raises(GradientError, match=r"int64 has no gradient"):
        tensor([1, 2]).requires_grad_()


def test_a_result_cannot_be_told_to_need_a_gradient() -> None:
    with pytest.raises(GradientError, match="only a leaf"):
        (leaf(1.0) * 2.0).requires_grad_(False)


def test_an_operand_that_needs_no_gradient_gets_none() -> None:
    x, fixed = leaf(2.0), tensor([3.0])

    (x * fixed).backward()

    assert fixed.grad is None


def test_anomaly_mode_names_the_first_op_forwards() -> None:
    x = tensor([-1.0], requires_grad=True)

    with detect_anomaly(), pytest.raises(NonFiniteError, match=r"log made 1 of 1 .*\(1,\)"):
        (x * 2.0).log().exp()


def test_anomaly_mode_names_the_first_op_backwards() -> None:
    x = leaf(0.0, 1.0)

    with detect_anomaly(), pytest.raises(NonFiniteError, match="the gradient of sqrt made 1 of 2"):
        (x.sqrt() * 2.0).sum().backward()


def test_outside_anomaly_mode_nan_travels() -> None:
    assert np.isnan(elementwise.log(np.array([-1.0]))).all()


def test_a_gradient_arrives_in_the_type_of_its_leaf() -> None:
    x = leaf(1.0, 2.0)

    (x.to("float64") * np.ones(2)).sum().backward()

    assert grad(x).dtype == np.float32


def test_sums_made_in_place_touch_nobody_elses_gradient() -> None:
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(shape) for shape in ((6, 5), (5, 5), (5,), (5, 5), (5,))]

    def gradients(dtype: str) -> list[Any]:
        x, w, b, w2, b2 = (tensor(a, dtype=dtype, requires_grad=True) for a in arrays)
        h = nn.functional.linear(x, w, b)
        twice = h + h  # one gradient for both
        parts = h[0] + h[-1] * h[1:3] + h[0, 2]
        y = nn.functional.linear(h, w2, b2) * nn.functional.linear(twice, w2, b2)
        (y.sum() + (parts * parts).sum() + (x[2] * x[0]).sum() + x.sum()).backward()
        return [grad(leaf) for leaf in (x, w, b, w2, b2)]

    for one, other in zip(gradients("float32"), gradients("float64"), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_what_came_to_a_tensor_stays_when_more_is_added() -> None:
    x = tensor(np.ones((3, 2)), requires_grad=True)
    y = x * 2.0
    first = y.sum()
    first.backward(retain_graph=True)
    before = grad(x).copy()

    (y[0] * 3.0).sum().backward()

    assert (grad(x) - before).tolist() == [[6, 6], [0, 0], [0, 0]]


def test_a_part_adds_nothing_to_a_gradient_that_two_tensors_share() -> None:
    x = leaf(1.0, 1.0)
    y, v = x * 10.0, x * 100.0
    both = (y + v) * 2.0  # y and v get one array

    (v[0] + y[0] + both.sum()).backward()

    assert grad(x).tolist() == [330, 220]


def test_many_parts_of_a_tensor_share_one_gradient() -> None:
    x = tensor(np.zeros((50, 3)), requires_grad=True)
    y = x * 1.0
    total = sum(y[i].sum() for i in range(50))
    assert isinstance(total, Tensor)
    tape = Tape()

    with recording(tape):
        total.backward()

    begun = [call for call in tape.calls if call.func is copy_to]
    assert len(begun) == 2  # one for y, and one for x
    assert (grad(x) == 1).all()
