"""The error function, its complement and its inverse, which NumPy lacks."""

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
# erfinv(x) / x over -log(1 - x²) - 2.5, and over √(-log(1 - x²)) - 3
CENTRE = (
    1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-06,
    -3.5233877e-06, 3.43273939e-07, 2.81022636e-08,
)  # fmt: skip
TAIL = (
    2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844,
    0.00134934322, 0.000100950558, -0.000200214257,
)  # fmt: skip


def erf(xp: Any, x: Array, out: Array | None = None) -> Array:
    """2/√π ∫₀ˣ exp(-t²) dt, to 2 units in the last place of float64, 3 of float32."""
    size = xp.minimum(xp.abs(x), 6.0)  # 1 to the last digit from there on; NaN stays NaN
    square = size * size
    outer = 1 - xp.exp(-square) * _polynomial(OUTER, 2 / (2 + size))
    y = xp.copysign(xp.where(size < 1, size * _polynomial(INNER, square), outer), x)
    return _given(y, out)


def erfc(xp: Any, x: Array, out: Array | None = None) -> Array:
    """1 - erf(x), with all its digits where it is small."""
    size = xp.maximum(x, 1.0)
    y = xp.where(x < 1, 1 - erf(xp, x), xp.exp(-size * size) * scaled_erfc(xp, size))
    return _given(y, out)


def scaled_erfc(xp: Any, x: Array) -> Array:
    """exp(x²) erfc(x), for x >= 1."""
    small, large = xp.minimum(x, 6.0), xp.maximum(x, 6.0)
    inverse = 0.5 / (large * large)
    tail = 1.0
    for k in range(31, 0, -2):  # 1 - 1/(2x²) + 1·3/(2x²)² - …
        tail = 1 - k * inverse * tail
    far = tail / (1.7724538509055159 * large)
    return xp.where(x < 6, _polynomial(OUTER, 2 / (2 + small)), far)


def erfinv(xp: Any, x: Array, out: Array | None = None) -> Array:
    """The y with erf(y) = x, to the last digits of float64; ±∞ at ±1, NaN beyond.

    Source: Giles (2010), Approximating the erfinv function, sharpened by steps of Newton's.
    """
    size = xp.minimum(xp.abs(x), 1.0).astype(xp.float64)
    rest = 1 - size
    w = -xp.log(xp.maximum(rest, 1e-300) * (1 + size))
    y = size * xp.where(w < 5, _polynomial(CENTRE, w - 2.5), _polynomial(TAIL, xp.sqrt(w) - 3))
    for _ in range(3):
        tail = erfc(xp, y)
        over = xp.where(size < 0.5, size - erf(xp, y), tail * xp.log(tail / rest))
        y = y + over * (0.8862269254527579 * xp.exp(y * y))
    y = xp.where(size < 1, y, xp.inf)
    y = xp.where(xp.abs(x) <= 1, xp.copysign(y, x), xp.nan)
    return _given(y.astype(xp.result_type(x)), out)


def _given(y: Array, out: Array | None) -> Array:
    if out is None:
        return y
    out[...] = y
    return out


def cdf(xp: Any, x: Array, out: Array | None = None) -> Array:
    """Φ(x) = (1 + erf(x / √2)) / 2, what part of normal numbers is below x."""
    return _given(0.5 * (1 + erf(xp, 0.7071067811865476 * x)), out)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    *lower, highest = coefficients
    y = highest * x + lower.pop()
    for coefficient in reversed(lower):
        y *= x
        y += coefficient
    return y
