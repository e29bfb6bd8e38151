from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge.engine.ops import recurrent

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

from azuraforge.engine.kernels import lstm

RNG = np.random.default_rng(4)


def operands(dtype: Any = np.float32) -> list[Any]:
    time, batch, features, hidden = 3, 2, 4, 5
    shapes = [(time, batch, features), (4 * hidden, features), (4 * hidden, hidden)]
    shapes += [(4 * hidden,), (4 * hidden,), (batch, hidden), (batch, hidden)]
    return [RNG.standard_normal(shape).astype(dtype) for shape in shapes]


def test_float32_takes_the_kernel_and_float64_the_reference() -> None:
    op = recurrent.lstm

    assert op.implementation(operands(), ()) is op.kernel
    assert op.implementation(operands(np.float64), ()) is op.reference


def test_nan_shows_in_its_row_and_in_no_other() -> None:
    given = operands()
    given[0][1, 0, 2] = np.nan

    y, h_n, c_n = recurrent.lstm(*given)

    assert np.isnan(y[1:, 0]).all()
    assert np.isfinite(y[:, 1]).all()
    assert np.isfinite(y[0]).all()
    assert np.isnan(h_n[0]).all()
    assert np.isnan(c_n[0]).all()


@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0, 1e4, 1e30])
def test_the_gates_are_within_float32_of_the_exact_functions(scale: float) -> None:
    sums = (scale * RNG.standard_normal((3, 4 * 9))).astype(np.float32)
    gates, before = sums.copy(), RNG.standard_normal((3, 9)).astype(np.float32)
    after, y = np.empty_like(before), np.empty_like(before)

    lstm._step(gates, np.zeros_like(sums), before, after, y)

    with np.errstate(over="ignore"):
        exact = sums.astype(np.float64).reshape(3, 4, 9)
        i, f, o = (1 / (1 + np.exp(-exact[:, k])) for k in (0, 1, 3))
    cell = f * before + i * np.tanh(exact[:, 2])
    np.testing.assert_allclose(after, cell, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y, o * np.tanh(cell), rtol=1e-5, atol=1e-6)
