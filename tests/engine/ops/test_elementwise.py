from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from azuraforge.engine.grad.walk import unbroadcast
from azuraforge.engine.ops import elementwise
from azuraforge.engine.tensor import Tensor, tensor

BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
numbers = st.floats(-1e3, 1e3, width=32)
pairs = arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4)


@pytest.mark.parametrize("name", BINARY)
@given(data=st.data())
def test_operands_broadcast_as_numpys_do(name: str, data: st.DataObject) -> None:
    shapes = data.draw(pairs)
    a, b = (
        data.draw(arrays.arrays(np.float32, shape, elements=numbers))
        for shape in shapes.input_shapes
    )

    y = getattr(elementwise, name)(a, b)

    assert y.shape == shapes.result_shape
    np.testing.assert_array_equal(y, BINARY[name](a, b))


@given(shapes=pairs)
def test_unbroadcast_sums_over_what_was_repeated(shapes: Any) -> None:
    shape, result = shapes.input_shapes[0], shapes.result_shape
    g = np.arange(math.prod(result), dtype=np.float64).reshape(result)

    found = unbroadcast(g, shape)

    owner = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), result)
    sums = np.bincount(owner.reshape(-1), g.reshape(-1), minlength=math.prod(shape))
    np.testing.assert_allclose(found, sums.reshape(shape))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("operands", [(np.nan, 1.0), (1.0, np.nan)])
def test_nan_wins_in_maximum_and_minimum(name: str, operands: tuple[float, float]) -> None:
    y = getattr(elementwise, name)(*map(np.array, operands))

    assert np.isnan(y)


def test_nan_passes_relu_and_its_gradient() -> None:
    x = tensor([np.nan, -1.0, 2.0], requires_grad=True)

    y = x.relu()
    y.backward(tensor([np.nan, 3.0, 4.0]))

    np.testing.assert_array_equal(y.data, np.float32([np.nan, 0, 2]))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, np.float32([np.nan, 0, 4]))


def test_equal_operands_of_maximum_share_the_gradient() -> None:
    a, b = tensor([1.0, 2.0], requires_grad=True), tensor([1.0, 1.0], requires_grad=True)

    elementwise.maximum(a, b).sum().backward()

    assert a.grad is not None
    assert b.grad is not None
    assert (a.grad.data.tolist(), b.grad.data.tolist()) == ([0.5, 1.0], [0.5, 0.0])


def test_a_square_has_a_gradient_at_zero() -> None:
    x = tensor([0.0, 3.0], requires_grad=True)

    (x**2).sum().backward()

    assert x.grad is not None
    assert x.grad.data.tolist() == [0.0, 6.0]


@pytest.mark.parametrize("number", [2, 2.5, np.float64(2.25), True])
def test_a_number_does_not_change_the_element_type(number: Any) -> None:
    x = Tensor(np.ones(3, np.float32))

    assert (x * number).dtype == np.float32
    assert (number * x).dtype == np.float32


def test_whole_numbers_beside_floats_become_floats_of_that_type() -> None:
    x, n = Tensor(np.ones(3, np.float32)), Tensor(np.arange(3))

    assert (x * n).dtype == np.float32
    assert (n * 0.5).dtype == np.float32
    assert (n * 2).dtype == np.int64


def test_a_numpy_number_is_the_python_number_it_equals() -> None:
    x = Tensor(np.arange(100, dtype=np.float32))

    np.testing.assert_array_equal((x * np.float64(0.1)).data, (x * 0.1).data)
