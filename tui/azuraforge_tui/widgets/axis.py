"""Ranges and tick values of an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from azuraforge_tui.series import Floats

MANTISSAS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Axis:
    """A range of values, linear or logarithmic."""

    low: float
    high: float
    log: bool = False

    def place(self, values: Floats) -> Floats:
        """The values in the axis' own measure: their logarithm on a logarithmic one."""
        return np.log10(values) if self.log else values

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends in the axis' own measure."""
        return (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)

    def fraction(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high end."""
        low, high = self.bounds
        return (float(self.place(np.array(value))) - low) / (high - low)

    def ticks(self, count: int) -> list[float]:
        """At most `count` round values within the range, evenly spaced."""
        if not self.log:
            return linear_ticks(self.low, self.high, count)
        return log_ticks(self.low, self.high, count)


def axis_over(values: Sequence[Floats], *, log: bool) -> Axis:
    """The axis with every finite value on it, and a little room; positive ones only if `log`."""
    joined = np.concatenate([np.empty(0), *values])
    shown = joined[np.isfinite(joined) & ((joined > 0) | (not log))]
    if not shown.size:
        return Axis(1.0, 10.0, log) if log else Axis(0.0, 1.0)
    low, high = float(shown.min()), float(shown.max())
    if log:
        room = max((high / low) ** 0.04, 1.05)
        return Axis(low / room, high * room, log)
    room = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(low - room, high + room)


def snapped(value: float) -> float:
    """The least of 1, 2, 5, 10, 20, 50 … that is not below the value."""
    decade = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return next(m * decade for m in (*MANTISSAS, 10.0) if m * decade >= value)


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` multiples of 1, 2 or 5 times a power of ten in low … high."""
    decade = 10.0 ** math.floor(math.log10((high - low) / max(count, 1)))
    for step in (m * decade for m in (*MANTISSAS, 10.0, 20.0)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < count:
            return [n * step for n in range(first, last + 1)]
    return []


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` ticks: 1, 2 and 5 times powers of ten, powers alone if those are too many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    fine = [m * 10.0**n for n in range(first, last + 1) for m in MANTISSAS]
    shown = [tick for tick in fine if low <= tick <= high]
    if len(shown) < 2:
        return linear_ticks(low, high, count)
    if len(shown) <= count:
        return shown
    decades = [10.0**n for n in range(first, last + 1) if low <= 10.0**n <= high]
    return decades[:: math.ceil(len(decades) / max(count, 1))] or shown[:count]
