from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import pytest

from azuraforge.engine.nn import functional
from azuraforge.engine.ops import Op, matmul, pool, reduce
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import DTypeError, ShapeError


def zeros(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: zeros(3, 4) + zeros(5), ["add", "(3, 4)", "(5,)"]),
        (lambda: zeros(3, 4) @ zeros(5, 4), ["matmul", "(3, 4) @ (5, 4)", "did you mean b.T?"]),
        (lambda: zeros(2, 3, 4) @ zeros(5, 4, 1), ["matmul", "(2, 3, 4)", "(5, 4, 1)"]),
        (lambda: functional.linear(zeros(3, 4), zeros(5, 6), zeros(5)), ["linear", "(3, 4)"]),
        (
            lambda: functional.conv2d(zeros(1, 3, 8, 8), zeros(4, 2, 3, 3), zeros(4)),
            ["conv2d", "(1, 3, 8, 8)", "(4, 2, 3, 3)"],
        ),
        (
            lambda: functional.conv2d(zeros(1, 1, 2, 2), zeros(1, 1, 3, 3), zeros(1)),
            ["conv2d", "kernel (3, 3)", "(2, 2)"],
        ),
        (
            lambda: functional.conv1d(zeros(1, 1, 5), zeros(1, 1, 3), zeros(1), dilation=3),
            ["conv2d", "kernel (1, 3) spread over (1, 7)", "(1, 5)"],
        ),
        (lambda: functional.conv1d(zeros(5), zeros(1, 1, 3)), ["conv1d", "(5,)"]),
        (lambda: functional.max_pool2d(zeros(3, 4), 2), ["max_pool2d", "(3, 4)"]),
        (lambda: functional.max_pool2d(zeros(1, 1, 4, 4), 2, padding=2), ["padding (2, 2)"]),
        (
            lambda: functional.adaptive_avg_pool2d(zeros(3, 4), 1),
            ["adaptive_avg_pool2d", "(3, 4)"],
        ),
        (lambda: functional.softmax(zeros(3, 4), 2), ["softmax", "dim 2", "(3, 4)"]),
        (
            lambda: functional.layer_norm(zeros(3, 4), (3,), zeros(3)),
            ["layer_norm", "(3, 4)", "(3,)"],
        ),
        (
            lambda: functional.batch_norm(zeros(3, 4), None, None, zeros(3), training=True),
            ["batch_norm", "(3, 4)", "(3,)"],
        ),
        (
            lambda: functional.batch_norm(zeros(1, 4), None, None, training=True),
            ["batch_norm", "(1, 4)", "no two values per channel"],
        ),
        (
            lambda: functional.scaled_dot_product_attention(
                zeros(2, 3, 4), zeros(2, 5, 3), zeros(2, 5, 4)
            ),
            ["attention", "query (2, 3, 4)", "key (2, 5, 3)"],
        ),
        (lambda: functional.mse_loss(zeros(3, 1), zeros(3)), ["mse_loss", "(3, 1)", "(3,)"]),
        (
            lambda: functional.cross_entropy(zeros(3, 5), np.zeros((3, 4))),
            ["cross_entropy", "(3, 5)"],
        ),
        (
            lambda: functional.cross_entropy(zeros(2, 5), np.array([0, 5])),
            ["cross_entropy", "0 to 5", "0 to 4"],
        ),
        (lambda: functional.embedding(np.array([3]), zeros(3, 2)), ["embedding", "3", "0 to 2"]),
        (lambda: zeros(3, 4).reshape(5, -1), ["reshape", "(3, 4)", "(5, -1)"]),
        (lambda: zeros(3, 4).permute(0, 2), ["permute", "(3, 4)"]),
        (lambda: zeros(3, 4)[5], ["getitem", "(3, 4)"]),
        (lambda: zeros(3, 4).sum(2), ["sum", "dim 2", "(3, 4)"]),
        (lambda: zeros(3, 0).amax(1), ["amax", "nothing to reduce", "(3, 0)"]),
        (lambda: layout.cat(zeros(2, 3), zeros(2, 4)), ["cat", "(2, 3)", "(2, 4)"]),
        (lambda: layout.stack(zeros(2), zeros(3)), ["stack", "(2,)", "(3,)"]),
    ],
    ids=count(),
)
def test_shapes_that_do_not_fit_are_named_with_the_op(call: Any, said: list[str]) -> None:
    with pytest.raises(ShapeError) as caught:
        call()

    assert all(part in str(caught.value) for part in said), str(caught.value)


def test_an_element_type_that_does_not_fit_is_named_with_the_op() -> None:
    with pytest.raises(DTypeError, match=r"^neg: element types bool .*\.to\('float32'\)"):
        -tensor([True, False])


@pytest.mark.parametrize("operand", [None, "2", [1.0, 2.0]])
def test_an_operand_that_is_no_array_is_named_with_the_op(operand: Any) -> None:
    with pytest.raises(DTypeError, match=r"mul: operand .* allowed: Tensor, array, number"):
        tensor([1.0, 2.0]) * operand


@pytest.mark.parametrize(
    ("op", "operands", "attributes"),
    [
        (reduce.sum, 1, {"axes": 1}),
        (reduce.logsumexp, 1, {}),
        (reduce.sum, 2, {}),
        (layout.cat, 0, {}),
    ],
    ids=["unknown attribute", "missing attribute", "too many operands", "no operands"],
)
def test_a_wrong_call_is_a_type_error(op: Op, operands: int, attributes: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r": got .* takes "):
        op(*[np.zeros(2)] * operands, **attributes)


def test_plain_arrays_give_plain_arrays() -> None:
    y = matmul.matmul(np.eye(2), np.ones((2, 3)))

    assert isinstance(y, np.ndarray)
    assert y.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_truth_values_are_counted_by_sum() -> None:
    hits = tensor([1, 2, 3]) == tensor([1, 0, 3])

    assert hits.sum().item() == 2


def test_ties_share_the_gradient_of_amax() -> None:
    x = tensor([[1.0, 3.0, 3.0]], requires_grad=True)

    x.amax(1).sum().backward()

    assert x.grad is not None
    assert x.grad.data.tolist() == [[0, 0.5, 0.5]]


def test_nan_wins_in_max_pool2d() -> None:
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    x[0, 0, 0, 0] = np.nan

    y = pool.max_pool2d(x, kernel_size=(2, 2), stride=(2, 2))

    np.testing.assert_array_equal(y[0, 0], [[np.nan, 7], [13, 15]])


def test_the_first_of_equal_maxima_gets_the_gradient_of_max_pool2d() -> None:
    x = Tensor(np.zeros((1, 1, 2, 2)), requires_grad=True)

    functional.max_pool2d(x, 2).sum().backward()

    assert x.grad is not None
    assert x.grad.data.tolist() == [[[[1, 0], [0, 0]]]]


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([None]), np.zeros(1, "M8[s]")])
def test_an_element_type_that_nothing_computes_in_is_refused_by_name(array: Any) -> None:
    with pytest.raises(DTypeError, match=r"element type .*; allowed: bool"):
        tensor(array) + 1.0
