"""Compiled layer normalisation against the reference, at sizes that are no multiple of anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

from azuraforge.engine.kernels import layer_norm as kernel
from azuraforge.engine.ops.norm import layer_norm
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.threads import set_threads, threads


def made(rows: int, width: int, dtype: type = np.float32) -> list[np.ndarray]:
    """The result and the three gradients, for gradients that are no ones."""
    rng = np.random.default_rng(3)
    shapes = (rows, width), (width,), (width,), (rows, width)
    x, w, b, g = (rng.standard_normal(shape).astype(np.float32).astype(dtype) for shape in shapes)
    inputs = [Tensor(a, requires_grad=True) for a in (x, w, b)]
    y = layer_norm(*inputs)
    y.backward(Tensor(g))
    return [y.data, *(t.grad.data for t in inputs)]


@given(st.integers(1, 80), st.integers(2, 150))
def test_result_and_gradients_are_those_of_float64(rows, width):
    for found, expected in zip(made(rows, width), made(rows, width, np.float64), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-4)


def test_two_threads_make_the_same_rows_and_nearly_the_same_sums():
    before, rows = threads(), kernel.WORTH_SPLITTING // 100 + 3

    set_threads(1)
    one = made(rows, 101)
    set_threads(2)
    two, again = made(rows, 101), made(rows, 101)
    set_threads(before)

    assert (one[0] == two[0]).all()
    assert (one[1] == two[1]).all()
    for found, expected, same in zip(two, one, again, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
        assert (found == same).all()
