from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import GradientError, ShapeError


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([1.0, 2.0], "float32"),
        ([1, 2], "int64"),
        ([True], "bool"),
        (np.ones(2), "float64"),
        (np.ones(2, np.float16), "float16"),
    ],
    ids=["number", "floats", "integers", "truth values", "array", "half array"],
)
def test_numbers_are_float32_and_arrays_keep_their_type(data: Any, dtype: str) -> None:
    assert tensor(data).dtype == dtype
    assert tensor(data, dtype="float64").dtype == np.float64


def test_a_tensor_holds_a_copy() -> None:
    source = np.ones(2)

    x = tensor(source)
    source[0] = 5

    assert x.data.tolist() == [1, 1]


def test_arrays_on_the_left_of_an_operator_give_tensors() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)

    for y in (np.ones(2) + x, np.float64(2) * x, np.ones((2, 2)) @ x, 1 / x, 1 - x):
        assert isinstance(y, Tensor)
        assert y.requires_grad


def test_rows_are_iterated() -> None:
    first, second = tensor([[1.0, 2.0], [3.0, 4.0]])

    assert (first.data.tolist(), second.data.tolist()) == ([1, 2], [3, 4])


@pytest.mark.parametrize(
    "index",
    [
        0,
        slice(1, 3),
        ...,
        (..., 1),
        (slice(None), None, 0),
        [2, 0, 2],
        np.array([2, 0, 2]),
        np.array([True, False, True]),
        (np.array([0, 1]), np.array([1, 1])),
    ],
    ids=["number", "slice", "dots", "column", "axis", "list", "array", "mask", "pairs"],
)
def test_indexing_is_numpys_and_its_gradient_counts_uses(index: Any) -> None:
    array = np.arange(6.0).reshape(3, 2)
    x = tensor(array, requires_grad=True)

    y = x[index]
    y.sum().backward()

    np.testing.assert_array_equal(y.data, array[index])
    uses = np.zeros_like(array)
    np.add.at(uses, index, 1)
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, uses)


def test_an_element_is_an_array_like_every_other_result() -> None:
    assert isinstance(tensor([1.0, 2.0])[1].data, np.ndarray)


def test_a_tensor_may_index() -> None:
    assert tensor([1.0, 2.0])[tensor([1])].data.tolist() == [2]


@pytest.mark.parametrize(
    ("shape", "start", "end", "flat"),
    [
        ((2, 3, 4), 0, -1, (24,)),
        ((2, 3, 4), 1, -1, (2, 12)),
        ((2, 3, 4), -2, -1, (2, 12)),
        ((2, 3, 4), 0, 1, (6, 4)),
        ((0, 3, 4), 1, -1, (0, 12)),
        ((), 0, -1, (1,)),
    ],
    ids=repr,
)
def test_flatten_joins_axes(shape: Any, start: int, end: int, flat: Any) -> None:
    assert Tensor(np.zeros(shape)).flatten(start, end).shape == flat


def test_a_tensor_that_needs_a_gradient_gives_no_array() -> None:
    x = tensor([1.0], requires_grad=True)

    with pytest.raises(GradientError, match=r"use \.detach\(\)\.numpy\(\)"):
        x.numpy()
    assert x.detach().numpy() is x.data


def test_a_number_has_no_length() -> None:
    with pytest.raises(ShapeError, match=r"shape \(\) has no length"):
        len(tensor(1.0))


def test_a_tensor_shows_numbers_type_and_place() -> None:
    x = tensor([1.0, 2.5], requires_grad=True)

    assert repr(x) == "tensor([1. , 2.5], dtype=float32, device='cpu', requires_grad=True)"


def test_to_gives_itself_where_nothing_changes() -> None:
    x = tensor([1.0])

    assert x.to("float32") is x
    assert x.to("cpu") is x
    assert x.to("float64").dtype == np.float64


def test_tensors_can_be_keys() -> None:
    x, y = tensor([1.0]), tensor([1.0])

    assert {x: 1, y: 2}[x] == 1
