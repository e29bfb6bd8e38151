"""The error function, which NumPy lacks."""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array

# erf(x) / x over x², for |x| < 1, and erfc(x) exp(x²) over t = 2 / (2 + x), for 1 <= x <= 6;
# lowest power first. Interpolated at Chebyshev nodes: tests/engine/ops/test_erf.py derives them.
INNER = (
    1.1283791670955126, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777,
    0.0052239776071164225, -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-05,
    1.6447424703317362e-06, -1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10,
)  # fmt: skip
OUTER = (
    1.6242284740077591e-07, 0.2820885729320229, 0.2822051417376623, 0.24562975816641905,
    0.185316412975862, 0.03477897668837144, 0.19483233899524952, -0.6720587822190289,
    1.3907243547276613, -2.548579515162772, 3.3141789939074116, -2.808469620081249,
    1.4993273861992589, -0.4641503100512702, 0.06417709956997757,
)  # fmt: skip


def erf(xp: Any, x: Array, out: Array | None = None) -> Array:
    """2/√π ∫₀ˣ exp(-t²) dt, to 2 units in the last place of float64, 3 of float32."""
    size = xp.minimum(xp.abs(x), 6.0)  # 1 to the last digit from there on; NaN stays NaN
    square = size * size
    outer = 1 - xp.exp(-square) * _polynomial(OUTER, 2 / (2 + size))
    y = xp.copysign(xp.where(size < 1, size * _polynomial(INNER, square), outer), x)
    if out is None:
        return y
    out[...] = y
    return out


def cdf(xp: Any, x: Array, out: Array | None = None) -> Array:
    """Φ(x) = (1 + erf(x / √2)) / 2, what part of normal numbers is below x."""
    y = 0.5 * (1 + erf(xp, 0.7071067811865476 * x))
    if out is None:
        return y
    out[...] = y
    return out


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    *lower, highest = coefficients
    y = highest * x + lower.pop()
    for coefficient in reversed(lower):
        y *= x
        y += coefficient
    return y
