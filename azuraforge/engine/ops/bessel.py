"""Modified Bessel functions of the first kind, scaled by exp(-|x|), which NumPy lacks."""

from __future__ import annotations

import math
from typing import Any

from azuraforge.engine.device import Array

POINTS = 64  # of the trapezoidal rule, exact to the last digit up to |x| = 32
TERMS = 24  # of the asymptotic series beyond


def scaled_bessel(xp: Any, order: int, x: Array) -> Array:
    """exp(-|x|) I(x), I of this order = 1/π ∫₀^π exp(x cos t) cos(order t) dt."""
    x = xp.asarray(x, xp.float64)
    size = xp.abs(x)
    near = xp.minimum(size, 32.0)
    total = xp.zeros_like(near)
    for k in range(POINTS // 2):  # the point at π - angle with the one at angle
        angle = (k + 0.5) * math.pi / POINTS
        cosine, weight = math.cos(angle), math.cos(order * angle)
        pair = xp.expm1(2 * near * cosine) + (0 if order % 2 else 2)
        total = total + weight * xp.exp(-near * (1 + cosine)) * pair
    far = xp.maximum(size, 32.0)
    term, series = xp.ones_like(far), xp.ones_like(far)
    for k in range(1, TERMS):
        term = -term * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k * far)
        series = series + term
    y = xp.where(size < 32, total / POINTS, series / xp.sqrt(2 * math.pi * far))
    y = xp.where(xp.isnan(x), x, y)
    return xp.copysign(y, x) if order % 2 else y
