"""exp, log, tanh, sigmoid, erf and cdf of float32, branch-free, for code that is being written.

NaN stays NaN. tests/engine/kernels/derive_elementary.py derives the coefficients and measured the
errors over every float32; the times are of one Zen 4 core:

                             exp    log    tanh   sigmoid   erf
    largest error, ulp       1.04   0.90   1.77   1.51      1.07
    ns a number              0.26   0.37   0.39   0.45      0.63
    ns by math.exp, …        2.3    2.6    15     –         8.5

Where the CPU cannot multiply and add in one rounding, errors are up to 1 ulp larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from azuraforge.engine.kernels.lanes import HAS_SCALING, Value, Whole, fma, where

EXP = (0.5, 0.1666654497385025, 0.04166640341281891, 0.008366395719349384, 0.001394064980559051)
LOG = (
    0.33333316445350647, -0.25000810623168945, 0.20002301037311554, -0.16624557971954346,
    0.14180947840213776, -0.13128504157066345, 0.12882941961288452, -0.07861663401126862,
)  # fmt: skip
ERF_INNER = (
    0.12837916612625122, -0.3761262893676758, 0.11283618211746216, -0.02685512602329254,
    0.005190733820199966, -0.0008030761382542551, 7.920368079794571e-05,
)  # fmt: skip
ERF_OUTER = (
    -0.00020436232443898916, 1.129661202430725, 0.6330394148826599, 0.10863939672708511,
    -0.025374002754688263, 0.004282677546143532, -0.00046390178613364697, 2.533847145969048e-05,
    -2.533677445626381e-07,
)  # fmt: skip

CDF_TAIL = (
    0.139621302485466, 0.13986359536647797, 0.11982069164514542, 0.10555487126111984,
    -0.02321787364780903, 0.1593274623155594, -0.25584548711776733, 0.14403387904167175,
    -0.02915845811367035,
)  # fmt: skip

PER_LOG_2 = 1 / math.log(2)
LOG_2_HIGH = 0.693359375  # 9 bits: a whole number below 2¹⁵ times it is exact
LOG_2_LOW = math.log(2) - LOG_2_HIGH
LOWEST, HIGHEST = -104, 89  # exp is 0 and Inf from there on
FLAT = 9.5  # tanh is 1 from here on, to the last digit
STEEP = 4  # so is erf
CDF_SLOPE = 0.35  # the polynomial of t = 1 / (1 + 0.35 |x|) is the shortest for its error
TINY = 2.0**-126  # what is below has no exponent of its own
RAISED_BY = 23
SHIFT = 1.5 * 2**23  # n + SHIFT has the whole number n in its lowest bits
SHIFT_BITS, ONE_BITS, ROOT_HALF_BITS = 0x4B400000, 0x3F800000, 0x3F3504F3
FRACTION = 23  # bits of a float32 below its exponent


def exp(x: Value) -> Value:
    """eˣ = 2ⁿ eʳ, n whole and |r| ≤ log 2 / 2."""
    x = where(x < LOWEST, LOWEST, x)
    x = where(x > HIGHEST, HIGHEST, x)
    shifted = fma(x, PER_LOG_2, SHIFT)
    return _scaled(1 + _exp_less_1(_rest(x, shifted - SHIFT)), shifted)


def sigmoid(x: Value) -> Value:
    """1 / (1 + e⁻ˣ), for x < 0 as eˣ / (1 + eˣ): small values keep their digits."""
    small = exp(-x.call("fabs"))
    return _ratio(where(x < 0, small, 1), 1, small)


def tanh(x: Value) -> Value:
    """m / (m + 2), m = e²ˣ - 1 = 2ⁿ (eʳ - 1) + (2ⁿ - 1)."""
    double = 2 * x.call("fabs")
    double = where(double > 2 * FLAT, 2 * FLAT, double)
    shifted = fma(double, PER_LOG_2, SHIFT)
    scale = _power_of_2(shifted.bits())
    m = fma(scale, _exp_less_1(_rest(double, shifted - SHIFT)), scale - 1)
    return _ratio(m, 2, m).call("copysign", x)


def log(x: Value) -> Value:
    """n log 2 + log(1 + f), x = 2ⁿ (1 + f) with √½ ≤ 1 + f < √2."""
    normal = where(x < TINY, x * 2**RAISED_BY, x)
    n, f = _parts(normal)
    n = where(x < TINY, n - RAISED_BY, n)
    square = f * f
    small = fma(n, LOG_2_LOW, fma(_polynomial(LOG, f), f * square, -0.5 * square))
    y = fma(n, LOG_2_HIGH, f + small)
    y = where(x < math.inf, y, x)
    y = where(x > 0, y, -math.inf)
    return where(x >= 0, y, math.nan)


def erf(x: Value) -> Value:
    """2/√π ∫₀ˣ exp(-t²) dt: x + x p(x²) within 1, 1 - exp(-q(x)) beyond."""
    a = x.call("fabs")
    a = where(a > STEEP, STEEP, a)
    near = fma(a, _polynomial(ERF_INNER, a * a), a)
    far = 1 - exp(-_polynomial(ERF_OUTER, a))
    return where(a < 1, near, far).call("copysign", x)


def cdf(x: Value) -> Value:
    """Φ(x), the tail exp(-x²/2) t p(t), t = 1 / (1 + 0.35 |x|), or 1 without it.

    -0.5 * x * x as one writes it beside Φ for the density, so that both have one exp.
    """
    t = 1 / fma(x.call("fabs"), CDF_SLOPE, 1)
    tail = exp(-0.5 * x * x) * (t * _polynomial(CDF_TAIL, t))
    return where(x > 0, 1 - tail, tail)


def _polynomial(coefficients: Sequence[float], x: Value) -> Value:
    """Its value at x; lowest power first."""
    *lower, highest = coefficients
    y = x.lift(highest)
    for c in reversed(lower):
        y = fma(y, x, c)
    return y


def _exp_less_1(r: Value) -> Value:
    """eʳ - 1 for |r| ≤ log 2 / 2."""
    return fma(_polynomial(EXP, r), r * r, r)


def _rest(x: Value, n: Value) -> Value:
    """x - n log 2."""
    return fma(n, -LOG_2_LOW, fma(n, -LOG_2_HIGH, x))


def _ratio(x: Value, a: float, b: Value) -> Value:
    """x / (a + b), what the sum and the quotient lose by rounding put back: 1 ulp less."""
    total = a + b
    lost = b - (total - a)
    inverse = 1 / total
    y = x * inverse
    return fma(fma(-y, lost, fma(-y, total, x)), inverse, y)


def _power_of_2(n: Whole) -> Value:
    """2ⁿ: its exponent, put together. All but the lowest bits of n fall off."""
    return ((n << FRACTION) + ONE_BITS).as_number()


def _scaled(x: Value, shifted: Value) -> Value:
    """x 2ⁿ of n + SHIFT; in two steps where the CPU cannot: the ends of the range have no 2ⁿ."""
    n = shifted.bits() - SHIFT_BITS
    if HAS_SCALING:
        return x.scaled(n)
    half = n >> 1
    return x * _power_of_2(half) * _power_of_2(n - half)


def _parts(x: Value) -> tuple[Value, Value]:
    """n and f of x = 2ⁿ (1 + f), √½ ≤ 1 + f < √2."""
    above = x.bits() - ROOT_HALF_BITS
    one_and_f = ((above & (2**FRACTION - 1)) + ROOT_HALF_BITS).as_number()
    return (above >> FRACTION).to_number(), one_and_f - 1
