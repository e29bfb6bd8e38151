"""The product against NumPy's, at sizes that are no multiple of anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

from azuraforge.engine import Tensor, nn
from azuraforge.engine.kernels.product import multiply
from azuraforge.engine.threads import set_threads, threads

sizes = st.integers(1, 150)


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@given(sizes, sizes, sizes, st.booleans(), st.booleans())
def test_a_product_equals_numpys_and_writes_nothing_else(m, n, k, turned, with_bias):
    a, b, bias = numbers(1, m, k), numbers(2, k, n), numbers(3, n)
    guarded = np.full(m * n + 2, 7, np.float32)
    c = guarded[1:-1].reshape(m, n)
    given_a, a_row, a_k = (np.ascontiguousarray(a.T), 1, m) if turned else (a, k, 1)

    multiply(m, n, k, given_a, a_row, a_k, b, n, c, bias if with_bias else None)

    expected = a.astype(np.float64) @ b + (bias if with_bias else 0)
    np.testing.assert_allclose(c, expected, rtol=1e-4, atol=1e-4 * np.sqrt(k))
    assert guarded[0] == guarded[-1] == 7


def test_a_floor_is_a_relu_and_lets_nan_show():
    a = np.array([[1, np.nan], [-3, 0]], np.float32)
    c = np.empty((2, 1), np.float32)

    multiply(2, 1, 2, a, 2, 1, np.array([[1], [1]], np.float32), 1, c, floor=0.0)

    assert np.isnan(c[0, 0])
    assert c[1, 0] == 0


def test_the_number_of_threads_does_not_change_the_bits():
    before = threads()
    a, b = numbers(1, 301, 97), numbers(2, 97, 130)
    one, two = np.empty((301, 130), np.float32), np.empty((301, 130), np.float32)

    set_threads(1)
    multiply(301, 130, 97, a, 97, 1, b, 130, one)
    set_threads(2)
    multiply(301, 130, 97, a, 97, 1, b, 130, two)
    set_threads(before)

    assert (one == two).all()


def test_arrays_that_may_only_be_read_are_read():
    layer, x = nn.Linear(4, 3), numbers(1, 2, 4)
    expected = layer(Tensor(x)).data.copy()
    x.setflags(write=False)
    layer.weight.data.setflags(write=False)

    assert (layer(Tensor(x)).data == expected).all()
