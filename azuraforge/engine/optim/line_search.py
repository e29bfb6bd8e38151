"""How far to go along a direction: a step that fulfils the strong Wolfe conditions.

Source: Nocedal and Wright (2006), Numerical optimization, algorithms 3.5 and 3.6; the safeguards of
the cubic interpolation are those of Schmidt's minFunc, which PyTorch has as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from azuraforge.engine.device import Array

DECREASE, CURVATURE = 1e-4, 0.9  # c1, c2


@dataclass(frozen=True)
class Point:
    """Loss and gradient somewhere."""

    loss: float
    g: Array


@dataclass(frozen=True)
class _Probe:
    """A point at distance t, and the slope along the direction there."""

    t: float
    point: Point
    slope: float

    @property
    def loss(self) -> float:
        return self.point.loss


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, d: Array, slope: float, most: int,
    tolerance: float,
) -> tuple[float, Point, int]:  # fmt: skip
    """A distance, the point there, and how often `at` was called, which is at most most + 1."""
    first = _Probe(0.0, start, slope)

    def probe(t: float) -> _Probe:
        point = at(t)
        return _Probe(t, point, float(point.g @ d))

    def is_too_high(new: _Probe) -> bool:
        return new.loss > start.loss + DECREASE * new.t * slope

    def is_flat(new: _Probe) -> bool:
        return abs(new.slope) <= -CURVATURE * slope

    old, new, tried = first, probe(t), 0
    bracket = [first, new]
    is_done = False
    while tried < most:
        if is_too_high(new) or (tried > 1 and new.loss >= old.loss):
            bracket = [old, new]
            break
        if is_flat(new):
            bracket, is_done = [new], True
            break
        if new.slope >= 0:
            bracket = [old, new]
            break
        further = _cubic_minimum(old, new, new.t + 0.01 * (new.t - old.t), 10 * new.t)
        old, new = new, probe(further)
        tried += 1
        bracket = [first, new]

    is_stuck = False
    low, high = (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)
    longest = float(abs(d).max())
    while not is_done and tried < most:
        near, far = sorted(probe.t for probe in bracket)
        if (far - near) * longest < tolerance:
            break
        t = _cubic_minimum(bracket[0], bracket[1], near, far)
        margin = 0.1 * (far - near)
        if min(far - t, t - near) >= margin:
            is_stuck = False
        elif is_stuck or t >= far or t <= near:
            t = far - margin if abs(t - far) < abs(t - near) else near + margin
            is_stuck = False
        else:
            is_stuck = True
        new = probe(t)
        tried += 1
        if is_too_high(new) or new.loss >= bracket[low].loss:
            bracket[high] = new
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
        else:
            is_done = is_flat(new)
            if not is_done and new.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = new
    best = bracket[low] if len(bracket) > 1 else bracket[0]
    return best.t, best.point, tried + 1


def _cubic_minimum(a: _Probe, b: _Probe, near: float, far: float) -> float:
    """Where the cubic through two probes and their slopes is lowest, within near to far."""
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return (near + far) / 2
    d2 = math.sqrt(square)
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(t, near), far)
