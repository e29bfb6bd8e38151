"""The gamma function's logarithm and its derivatives, and Hurwitz's zeta, which NumPy lacks.

All are computed in float64.
"""

from __future__ import annotations

import math
from typing import Any

from azuraforge.engine.device import Array

LANCZOS = (
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
    -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
    1.5056327351493116e-7,
)  # fmt: skip
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)  # B2, B4, …


def lgamma(xp: Any, x: Array) -> Array:
    """log |Γ(x)|; ∞ at 0, -1, -2, …

    Source: Lanczos (1964), with the nine coefficients for g = 7.
    """
    x = xp.asarray(x, xp.float64)
    z = xp.where(x < 0.5, 1 - x, x)
    total = LANCZOS[0] + sum(c / (z - 1 + i) for i, c in enumerate(LANCZOS[1:], 1))
    t = z + 6.5
    right = 0.9189385332046727 + (z - 0.5) * xp.log(t) - t + xp.log(total)
    right = xp.where(z > 1e15, z * (xp.log(z) - 1), right)
    right = xp.where(xp.isinf(x), xp.inf, right)
    sine = xp.abs(xp.sin(math.pi * (x - xp.rint(x))))
    left = xp.log(math.pi / sine) - right
    y = xp.where(x < 0.5, left, right)
    return xp.where((x <= 0) & (x == xp.floor(x)), xp.inf, y)


def digamma(xp: Any, x: Array) -> Array:
    """The derivative of log Γ; NaN at -1, -2, …, ∓∞ at ±0."""
    x = xp.asarray(x, xp.float64)
    z = xp.where(x < 0.5, 1 - x, x)
    y = xp.zeros_like(z)
    for _ in range(10):
        y = y - xp.where(z < 10, 1 / z, 0)
        z = xp.where(z < 10, z + 1, z)
    inverse = 1 / (z * z)
    tail = xp.zeros_like(z)
    for k in range(len(BERNOULLI), 0, -1):
        tail = inverse * (BERNOULLI[k - 1] / (2 * k) + tail)
    y = y + xp.log(z) - 0.5 / z - tail
    turned = y - math.pi / xp.tan(math.pi * (x - xp.rint(x)))
    y = xp.where(x < 0.5, turned, y)
    y = xp.where((x < 0) & (x == xp.floor(x)), xp.nan, y)
    return xp.where(x == 0, -xp.copysign(xp.inf, x), y)


def zeta(xp: Any, s: float, q: Array) -> Array:
    """Σ (q + k)⁻ˢ over k = 0, 1, … for a number s > 1; ∞ at q = 0, -1, -2, …

    Source: Euler's and Maclaurin's sum beyond q + k = 10.
    """
    q = xp.asarray(q, xp.float64)
    total, at = xp.zeros_like(q), q
    for _ in range(10 + max(0, math.ceil(-float(xp.nan_to_num(q).min(initial=0.0))))):
        total = total + xp.where(at < 10, at**-s, 0)
        at = xp.where(at < 10, at + 1, at)
    total = total + at ** (1 - s) / (s - 1) + 0.5 * at**-s
    factor, power = s, at ** (-s - 1)
    for k, bernoulli in enumerate(BERNOULLI, 1):
        total = total + bernoulli / math.factorial(2 * k) * factor * power
        factor *= (s + 2 * k - 1) * (s + 2 * k)
        power = power / (at * at)
    return xp.where((q <= 0) & (q == xp.floor(q)), xp.inf, total)


def polygamma(xp: Any, n: int, x: Array) -> Array:
    """The derivative n of digamma: (-1)ⁿ⁺¹ n! ζ(n + 1, x)."""
    if n == 0:
        return digamma(xp, x)
    return (-1) ** (n + 1) * math.factorial(n) * zeta(xp, n + 1, x)
