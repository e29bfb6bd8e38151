"""exp, log, tanh, sigmoid and erf of a float32, for the loops of kernels.

None of them branches, so LLVM makes vectors of a loop that calls them; Numba's own stay scalar.
NaN stays NaN. tests/engine/kernels/derive_elementary.py derives the coefficients and measures the
errors over every float32; the times are of one Zen 4 core:

                             exp    log    tanh   sigmoid   erf
    largest error, ulp       1.03   0.83   1.65   1.48      0.99
    ns a number              0.28   0.37   0.37   0.45      0.69
    ns by math.exp, …        2.3    2.6    15     –         8.5

Where the CPU cannot multiply and add in one rounding, errors are up to 1 ulp larger.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.simd import FLOAT, I32

# ruff: noqa: FURB136  min() is not made a vector of, and hides NaN

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

F = np.float32
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)
PER_LOG_2 = F(1 / np.log(2))
LOG_2_HIGH = F(0.693359375)  # 9 bits: a whole number below 2¹⁵ times it is exact
LOG_2_LOW = F(np.log(2) - 0.693359375)
LOWEST, HIGHEST = F(-104), F(89)  # exp is 0 and Inf from there on
FLAT = F(9.5)  # tanh is 1 from here on, to the last digit
STEEP = F(4)  # so is erf
TINY = F(2.0**-126)  # what is below has no exponent of its own
RAISED, RAISED_BY = F(2.0**23), F(23)
INFINITY, NAN = F(np.inf), F(np.nan)
SHIFT = F(1.5 * 2**23)  # n + SHIFT has the whole number n in its lowest bits
ROOT_HALF = F(np.sqrt(0.5))
FRACTION = 23  # bits of a float32 below its exponent


@part
def exp(x):  # type: ignore[no-untyped-def]
    """eˣ = 2ⁿ eʳ, n whole and |r| ≤ log 2 / 2."""
    x = LOWEST if x < LOWEST else x
    x = HIGHEST if x > HIGHEST else x
    shifted = fma(x, PER_LOG_2, SHIFT)
    return scaled(ONE + exp_less_1(rest(x, shifted - SHIFT)), shifted)


@part
def sigmoid(x):  # type: ignore[no-untyped-def]
    """1 / (1 + e⁻ˣ), for x < 0 as eˣ / (1 + eˣ): small values keep their digits."""
    small = exp(-size(x))
    return ratio(small if x < ZERO else ONE, ONE, small)


@part
def tanh(x):  # type: ignore[no-untyped-def]
    """m / (m + 2), m = e²ˣ - 1 = 2ⁿ (eʳ - 1) + (2ⁿ - 1)."""
    double = TWO * size(x)
    double = TWO * FLAT if double > TWO * FLAT else double
    shifted = fma(double, PER_LOG_2, SHIFT)
    scale = power_of_2(shifted)
    m = fma(scale, exp_less_1(rest(double, shifted - SHIFT)), scale - ONE)
    return with_sign_of(x, ratio(m, TWO, m))


@part
def log(x):  # type: ignore[no-untyped-def]
    """n log 2 + log(1 + f), x = 2ⁿ (1 + f) with √½ ≤ 1 + f < √2."""
    normal = x * RAISED if x < TINY else x
    n, f = exponent(normal), mantissa(normal) - ONE
    n = n - RAISED_BY if x < TINY else n
    square = f * f
    small = fma(n, LOG_2_LOW, fma(_log(f), f * square, -HALF * square))
    y = fma(n, LOG_2_HIGH, f + small)
    y = y if x < INFINITY else x
    y = y if x > ZERO else -INFINITY
    return y if x >= ZERO else NAN


@part
def erf(x):  # type: ignore[no-untyped-def]
    """2/√π ∫₀ˣ exp(-t²) dt: x + x p(x²) within 1, 1 - exp(-q(x)) beyond."""
    a = size(x)
    a = STEEP if a > STEEP else a
    near, far = fma(a, _erf_inner(a * a), a), ONE - exp(-_erf_outer(a))
    return with_sign_of(x, near if a < ONE else far)


@part
def rest(x, n):  # type: ignore[no-untyped-def]
    """x - n log 2."""
    return fma(n, -LOG_2_LOW, fma(n, -LOG_2_HIGH, x))


@part
def exp_less_1(r):  # type: ignore[no-untyped-def]
    """eʳ - 1 for |r| ≤ log 2 / 2."""
    return fma(_exp(r), r * r, r)


@part
def ratio(x, a, b):  # type: ignore[no-untyped-def]
    """x / (a + b), what the sum and the quotient lose by rounding put back: 1 ulp less."""
    total = a + b
    lost = b - (total - a)
    inverse = ONE / total
    y = x * inverse
    return fma(fma(-y, lost, fma(-y, total, x)), inverse, y)


def written(emit: Callable[..., Any]) -> Any:
    """A function of float32 by its LLVM code: `emit(builder, *values)` writes it."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return emit(builder, *args)

    def typed(typing: Any, *x: Any) -> Any:
        return types.float32(*[types.float32] * len(x)), code

    typed.__signature__ = inspect.signature(emit)  # type: ignore[attr-defined]  # for Numba
    return intrinsic(typed)


def polynomial(coefficients: Sequence[float]) -> Any:
    """The function of x with these coefficients, lowest power first."""

    def emit(builder: Any, x: Any) -> Any:
        *lower, y = (ir.Constant(FLOAT, c) for c in coefficients)
        for c in reversed(lower):
            y = _call(builder, "llvm.fmuladd.f32", y, x, c)
        return y

    return written(emit)


def _call(builder: Any, name: str, *values: Any) -> Any:
    kind = ir.FunctionType(FLOAT, [FLOAT] * len(values))
    module = builder.module
    return builder.call(module.globals.get(name) or ir.Function(module, kind, name), values)


def _power_of_2(builder: Any, n: Any) -> Any:
    """2ⁿ of a whole number: its exponent, put together. All but the lowest bits of n fall off."""
    return builder.bitcast(builder.add(builder.shl(n, _whole(FRACTION)), _whole(ONE)), FLOAT)


def _scaled(builder: Any, x: Any, shifted: Any) -> Any:
    n = builder.sub(_bits(builder, shifted), _whole(SHIFT))
    half = builder.ashr(n, _whole(1))
    once = builder.fmul(x, _power_of_2(builder, half))
    return builder.fmul(once, _power_of_2(builder, builder.sub(n, half)))


def _exponent(builder: Any, x: Any) -> Any:
    above = builder.sub(_bits(builder, x), _whole(ROOT_HALF))
    return builder.sitofp(builder.ashr(above, _whole(FRACTION)), FLOAT)


def _mantissa(builder: Any, x: Any) -> Any:
    above = builder.sub(_bits(builder, x), _whole(ROOT_HALF))
    fraction = builder.and_(above, _whole(2**FRACTION - 1))
    return builder.bitcast(builder.add(fraction, _whole(ROOT_HALF)), FLOAT)


def _bits(builder: Any, x: Any) -> Any:
    return builder.bitcast(x, I32)


def _whole(x: int | np.float32) -> Any:
    """A constant: a whole number, or the bits of a float32."""
    return ir.Constant(I32, x if isinstance(x, int) else int(x.view(np.int32)))


_exp, _log, _erf_inner, _erf_outer = map(polynomial, (EXP, LOG, ERF_INNER, ERF_OUTER))
fma = written(lambda builder, x, y, z: _call(builder, "llvm.fmuladd.f32", x, y, z))  # x y + z
size = written(lambda builder, x: _call(builder, "llvm.fabs.f32", x))
with_sign_of = written(lambda builder, x, y: _call(builder, "llvm.copysign.f32", y, x))
power_of_2 = written(lambda builder, n: _power_of_2(builder, _bits(builder, n)))  # 2ⁿ of n + SHIFT
scaled = written(_scaled)  # x 2ⁿ of x and n + SHIFT, in two steps: the ends have no 2ⁿ
exponent = written(_exponent)  # n of x = 2ⁿ m, √½ ≤ m < √2
mantissa = written(_mantissa)  # and m
