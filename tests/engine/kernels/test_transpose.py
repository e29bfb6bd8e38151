"""Rows to columns, at sizes that are no multiple of a vector's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

from azuraforge.engine.kernels.transpose import transpose

sizes = st.integers(1, 70)


@given(sizes, sizes)
def test_a_transpose_equals_numpys_and_writes_nothing_else(rows, columns):
    a = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    guarded = np.full(rows * columns + 2, -7, np.float32)
    b = guarded[1:-1].reshape(columns, rows)

    transpose(a, b)

    assert (b == a.T).all()
    assert guarded[0] == guarded[-1] == -7
