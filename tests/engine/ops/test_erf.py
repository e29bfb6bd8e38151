"""The error function against the standard library's and, for its coefficients, mpmath's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from azuraforge.engine.ops.erf import INNER, OUTER, erf

EXACT = np.vectorize(math.erf, otypes=[np.float64])
POINTS = np.concatenate(
    (np.geomspace(1e-30, 1, 5001), np.linspace(0.9, 1.1, 5001), np.linspace(1, 7, 20001))
)


@pytest.mark.parametrize(("dtype", "ulp"), [(np.float64, 2), (np.float32, 3)])
@pytest.mark.parametrize("sign", [1, -1])
def test_it_is_within_a_few_units_in_the_last_place(dtype: Any, ulp: int, sign: int) -> None:
    x = (sign * POINTS).astype(dtype)

    y = erf(np, x)

    assert y.dtype == dtype
    exact = EXACT(x.astype(np.float64))
    distance = np.abs(y.astype(np.float64) - exact) / np.spacing(np.abs(y)).astype(np.float64)
    assert distance.max() <= ulp


def test_it_is_one_far_out_keeps_the_sign_of_zero_and_shows_nan() -> None:
    x = np.array([np.inf, -np.inf, 1e300, -0.0, 0.0, np.nan])

    y = erf(np, x)

    np.testing.assert_array_equal(y, [1, -1, 1, 0, 0, np.nan])
    np.testing.assert_array_equal(np.signbit(y[3:5]), [True, False])


def test_it_writes_to_a_buffer_that_may_be_its_operand() -> None:
    x = np.linspace(-3, 3, 7)
    expected = EXACT(x)

    assert erf(np, x, out=x) is x
    np.testing.assert_allclose(x, expected, rtol=1e-15)


def test_its_coefficients_interpolate_at_chebyshev_nodes() -> None:
    mp: Any = pytest.importorskip("mpmath", reason="mpmath comes with PyTorch, the extra `peers`")

    def inner(square: Any) -> Any:
        return mp.erf(mp.sqrt(square)) / mp.sqrt(square)

    def outer(t: Any) -> Any:
        x = 2 / t - 2
        return mp.erfc(x) * mp.exp(x * x)

    with mp.workdps(50):
        found = interpolated(mp, inner, (0, 1), len(INNER))
        found += interpolated(mp, outer, (mp.mpf(2) / 8, mp.mpf(2) / 3), len(OUTER))

    np.testing.assert_allclose(found, INNER + OUTER, rtol=1e-15)


def interpolated(
    mp: Any, f: Callable[[Any], Any], between: tuple[Any, Any], count: int
) -> list[float]:
    """The polynomial that equals f at `count` Chebyshev nodes, lowest power first."""
    low, high = between
    cosines = [mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    nodes = [(low + high) / 2 + (high - low) / 2 * c for c in cosines]
    powers = mp.matrix([[node**k for k in range(count)] for node in nodes])
    return [float(c) for c in mp.lu_solve(powers, mp.matrix([f(node) for node in nodes]))]
