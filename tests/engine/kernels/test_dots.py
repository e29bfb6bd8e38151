from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

from azuraforge.engine.kernels.dots import multiply_few
from azuraforge.engine.kernels.linear import FEW
from azuraforge.engine.threads import set_threads, threads

sizes = st.integers(1, 70)


@pytest.fixture
def two_threads():
    before = threads()
    set_threads(2)
    yield
    set_threads(before)


def operands(rows, out, inner):
    rng = np.random.default_rng(rows + 7 * out + 77 * inner)
    shapes = (rows, inner), (out, inner), (out,)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


@given(st.integers(1, FEW), sizes, sizes)
def test_few_rows_times_a_matrix_and_a_bias(rows, out, inner):
    x, w, b = operands(rows, out, inner)
    y = np.full((rows, out), np.nan, np.float32)

    multiply_few(x, w, b, y)

    exact = x.astype(np.float64) @ w.T.astype(np.float64) + b
    assert y == pytest.approx(exact, rel=1e-5, abs=1e-5)


def test_threads_share_the_rows_of_the_weights_and_change_no_bits(two_threads):
    x, w, b = operands(2, 1111, 500)
    made = []
    for count in (1, 2):
        set_threads(count)
        y = np.full((2, 1111), np.nan, np.float32)
        multiply_few(x, w, b, y)
        made.append(y.tobytes())

    assert made[0] == made[1]


def test_nan_shows_where_it_is_and_nowhere_else():
    x, w, b = operands(1, 5, 40)
    w[3, 17] = np.nan
    y = np.empty((1, 5), np.float32)

    multiply_few(x, w, b, y)

    assert np.isnan(y[0]).tolist() == [False, False, False, True, False]
