"""Where the coefficients of kernels/formulas.py come from, and how far off its functions are.

Minimax polynomials by least squares whose weights grow where the error is largest (Lawson), in
float64. The lowest coefficient is rounded to float32 and taken off before the rest are fitted
again, so that later ones make up for its rounding.

    python tests/engine/kernels/derive_elementary.py            the coefficients
    python tests/engine/kernels/derive_elementary.py --prove    errors at every float32: 6 minutes
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numba
import numpy as np

from azuraforge.engine.kernels import elementary
from azuraforge.engine.kernels.compile import OPTIONS
from azuraforge.engine.kernels.formulas import CDF_SLOPE
from azuraforge.engine.ops.erf import erf as float64_erf

Function = Callable[[np.ndarray], np.ndarray]
POINTS = 501
ROUNDS = 40

erf, erfc = (np.vectorize(f, otypes=[np.float64]) for f in (math.erf, math.erfc))


def coefficients() -> dict[str, list[float]]:
    """Of each polynomial in kernels/formulas.py, lowest power first."""
    half_log_2 = math.log(2) / 2
    root = math.sqrt(0.5)
    return {
        # eʳ - 1 = r + r² p(r), to a part of itself
        "EXP": polynomial(
            lambda r: np.expm1(r) - r, range(2, 7), (-half_log_2, half_log_2), weight=np.reciprocal
        ),
        # log(1 + f) = f - f²/2 + f³ p(f), to a part of itself
        "LOG": polynomial(
            lambda f: np.log1p(f) - f + f * f / 2,
            range(3, 11),
            (root - 1, 2 * root - 1),
            weight=np.reciprocal,
        ),
        # erf(x) = x + x p(x²), to a part of itself
        "ERF_INNER": polynomial(
            lambda x: erf(x) - x, range(1, 14, 2), (1e-9, 1), weight=np.reciprocal
        ),
        # erf(x) = 1 - exp(-p(x)), to a part of 1
        "ERF_OUTER": polynomial(
            lambda x: -np.log(erfc(x)), range(9), (1, 4), weight=erfc
        ),
        # Φ(-x) = exp(-x²/2) t p(t), t = 1 / (1 + CDF_SLOPE x), to a part of itself
        "CDF_TAIL": polynomial(
            tail, range(1, 10), (1 / (1 + 14.5 * CDF_SLOPE), 1), weight=lambda t: 1 / tail(t)
        ),
    }  # fmt: skip


def tail(t: np.ndarray) -> np.ndarray:
    """Φ(-x) exp(x²/2), of t = 1 / (1 + CDF_SLOPE x)."""
    x = (1 / t - 1) / CDF_SLOPE
    return 0.5 * erfc(x / math.sqrt(2)) * np.exp(x * x / 2)


def polynomial(
    f: Function, powers: Sequence[int], between: tuple[float, float], weight: Function
) -> list[float]:
    """Coefficients in float32 of those powers, the largest |weight (f - p)| as small as can be."""
    low, high = between
    x = (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    rest, left, scale = f(x), list(powers), weight(x)
    found = []
    while left:
        lowest = float(np.float32(fitted(x, rest, left, scale)[0]))
        rest = rest - lowest * x ** left.pop(0)
        found.append(lowest)
    return found


def fitted(x: np.ndarray, y: np.ndarray, powers: Sequence[int], scale: np.ndarray) -> np.ndarray:
    """The minimax coefficients. Source: Lawson (1961), reweighting towards the largest errors."""
    columns = np.stack([scale * x**power for power in powers], axis=1)
    size = np.abs(columns).max(0)
    shares = np.full(len(x), 1 / len(x))
    for _ in range(ROUNDS):
        root = np.sqrt(shares)
        best = np.linalg.lstsq(columns / size * root[:, None], scale * y * root, rcond=None)[0]
        shares *= np.abs(scale * y - columns / size @ best)
        shares /= shares.sum()
    return best / size


def ulp_error(y: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|y - exact| in units that float32's last place has at `exact`; 0 for the same Inf or NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        nearest = exact.astype(np.float32)
        unit = np.ldexp(1.0, np.maximum(np.frexp(np.abs(nearest))[1] - 24, -149))
        error = np.abs(y.astype(np.float64) - exact) / unit
    is_same = (y == nearest) | (np.isnan(y) & np.isnan(nearest))
    return np.where(np.isfinite(nearest), error, np.where(is_same, 0, np.inf))


def sample(step: int, *, block: int = 1 << 17) -> Iterator[np.ndarray]:
    """Every `step`-th float32 there is, NaN left out, so many at a time."""
    for start in range(0, 1 << 32, block * step):
        bits = np.arange(start, min(start + block * step, 1 << 32), step, dtype=np.uint64)
        x = bits.astype(np.uint32).view(np.float32)
        numbers = x[~np.isnan(x)]
        if numbers.size:
            yield numbers


def largest_error(name: str, step: int = 1) -> tuple[float, float]:
    """The largest error of that function over every `step`-th float32, in ulp, and where it is."""
    run, largest, place = loop(getattr(elementary, name)), 0.0, math.nan
    for x in sample(step):
        y = np.empty_like(x)
        run(x, y)
        with np.errstate(all="ignore"):
            error = ulp_error(y, EXACT[name](x.astype(np.float64)))
        at = int(error.argmax())  # NaN counts as the largest
        if not error[at] <= largest:
            largest, place = float(error[at]), float(x[at])
    return largest, place


def loop(function: Any) -> Any:
    """y[i] = function(x[i]), compiled."""

    @numba.njit("void(f4[::1], f4[::1])", **OPTIONS)
    def run(x, y):
        for i in range(len(x)):
            y[i] = function(x[i])

    return run


def sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


EXACT: dict[str, Function] = {  # in float64
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "erf": lambda x: float64_erf(np, x),
    "cdf": lambda x: 0.5 * erfc(-x / math.sqrt(2)),
}


def main() -> None:
    if sys.argv[1:] == ["--prove"]:
        for name in EXACT:
            error, x = largest_error(name)
            print(f"{name:8} {error:.2f} ulp at {x!r}", flush=True)
        return
    for name, found in coefficients().items():
        print(name, "=", tuple(found))


if __name__ == "__main__":
    main()
