"""Rows of a table, and the gradients of rows that were taken more than once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

from azuraforge.engine import Tensor
from azuraforge.engine.ops.index import embedding
from azuraforge.errors import ShapeError

sizes = st.integers(1, 40)


def table(rows: int, width: int) -> np.ndarray:
    return np.random.default_rng(2).standard_normal((rows, width)).astype(np.float32)


@given(sizes, sizes, st.lists(st.integers(0, 1000), max_size=50))
def test_rows_are_those_of_the_table_and_each_use_adds_to_its_gradient(rows, width, chosen):
    w = Tensor(table(rows, width), requires_grad=True)
    index = np.array([n % rows for n in chosen], np.int64)
    g = table(len(index), width)
    assert embedding.implementation((w.data, index), ()) is embedding.kernel

    y = embedding(w, index)
    y.backward(Tensor(g))

    assert (y.data == w.data[index]).all()
    expected = (np.arange(rows)[:, None] == index) @ g.astype(np.float64)
    np.testing.assert_allclose(w.grad.data, expected, atol=1e-5)


@pytest.mark.parametrize("wrong", [-1, 5, 2**40])
def test_a_number_that_is_no_rows_is_named(wrong):
    with pytest.raises(ShapeError, match=f"index holds {wrong}; allowed: 0 to 4"):
        embedding(table(5, 3), np.array([[0, 4], [wrong, 1]]))


def test_the_gradient_is_added_to_one_that_lies_otherwise_in_memory():
    w = Tensor(table(4, 3), requires_grad=True)
    w.grad = Tensor(np.asfortranarray(table(4, 3)))
    before = w.grad.data.copy()

    embedding(w, np.array([1, 1])).backward(Tensor(np.ones((2, 3), np.float32)))

    assert (w.grad.data - before).round(5).tolist() == [[0] * 3, [2] * 3, [0] * 3, [0] * 3]


def test_other_whole_numbers_take_the_reference():
    chosen = (table(5, 3), np.array([1, 2], np.int16))

    assert embedding.implementation(chosen, ()) is embedding.reference
