"""Where the elements of a convolution meet, as tables for `taps.py`.

Along one axis, result m is a sum over taps of the source at start[m] + offset[tap]. All results of
a convolution meet the same taps. In the gradient of its input they have phases: with stride 2, even
and odd places meet different elements of the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

Pair = tuple[int, int]
Table = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Phase:
    """Places of the result that meet the same taps, along one axis."""

    results: range
    starts: range  # of the source, for each result
    taps: tuple[Pair, ...]  # (offset in the source, element of the kernel), nearest first


@dataclass(frozen=True)
class Axis:
    """One axis: its phases, and how far they reach beyond a source of `size` on both sides."""

    size: int
    kernel: int
    phases: tuple[Phase, ...]

    @property
    def before(self) -> int:
        return max(0, -min(self._reached(), default=0))

    @property
    def after(self) -> int:
        return max(0, max(self._reached(), default=0) - self.size + 1)

    def _reached(self) -> list[int]:
        return [p.starts[i] + p.taps[i][0] for p in self.phases if p.taps for i in (0, -1)]


def of_result(size: int, out: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """How `out` results of a convolution meet its input of this size."""
    taps = tuple((i * dilation - padding, i) for i in range(kernel))
    return Axis(size, kernel, (Phase(range(out), range(0, out * stride, stride), taps),))


def of_input(size: int, out: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """How the gradient of an input of this size meets that of `out` results."""
    phases = []
    for first in range(min(stride, size)):
        results = range(first, size, stride)
        met = [(first + padding - i * dilation, i) for i in range(kernel)]
        taps = tuple(sorted((at // stride, i) for at, i in met if at % stride == 0))
        phases.append(Phase(results, range(len(results)), taps))
    return Axis(out, kernel, tuple(phases))


@dataclass(frozen=True)
class Distances:
    """How far neighbours lie apart in memory, in floats."""

    image: int
    row: int
    pixel: int


@dataclass(frozen=True, eq=False)
class Plan:
    """Tables of one product for `images` images; one row of `phases` for each of its phases.

    A phase: (first row, rows per image, first tap, taps, k, first row of the weights). The weights
    are (order, channels, out): `order` has the elements of the kernel.
    """

    a_at: Table
    c_at: Table
    tap_at: Table
    phases: Table
    order: Table


@lru_cache(maxsize=512)
def correlation(
    rows: Axis, columns: Axis, channels: int, source: Distances, result: Distances, images: int
) -> Plan:
    """The product that makes the result of a convolution, or the gradient of its input."""
    a_at: list[Table] = []
    c_at: list[Table] = []
    tap_at: list[Table] = []
    phases: list[list[int]] = []
    order: list[int] = []
    for down in rows.phases:
        for right in columns.phases:
            taps, k = _runs(down, right, (rows.before, columns.before), channels, source)
            per_image = len(down.results) * len(right.results)
            begins = sum(map(len, a_at)), sum(map(len, tap_at)), len(order) * channels
            phases.append([begins[0], per_image, begins[1], len(taps), k, begins[2]])
            a_at.append(_places(down.starts, right.starts, source, images))
            c_at.append(_places(down.results, right.results, result, images))
            tap_at.append(taps)
            order += [i * columns.kernel + j for _, i in down.taps for _, j in right.taps]
    order_of_all = np.array(order, np.int64)
    order_of_all.flags.writeable = False  # for good: what is made by it of constants is constant
    return Plan(
        np.concatenate(a_at),
        np.concatenate(c_at),
        np.concatenate(tap_at),
        np.array(phases, np.int64),
        order_of_all,
    )


@lru_cache(maxsize=512)
def covariance(
    rows: Axis, columns: Axis, channels: int, out: int, source: Distances, images: int
) -> Plan:
    """The product that makes the gradient of the weights (kernel height, kernel width, in, out).

    Its rows are the elements of the weights, its taps are the rows of the result.
    """
    (down,), (right,) = rows.phases, columns.phases
    places = [
        (i + rows.before) * source.row + (j + columns.before) * source.pixel
        for i, _ in down.taps
        for j, _ in right.taps
    ]
    a_at = np.add.outer(np.array(places), np.arange(channels)).ravel()
    tap_at = _places(down.starts, range(1), source, images)
    phases = np.array([[0, len(a_at), 0, len(down.starts), len(right.results), 0]])
    return Plan(a_at, np.arange(len(a_at)) * out, tap_at, phases, np.arange(0))


def _runs(
    down: Phase, right: Phase, before: Pair, channels: int, source: Distances
) -> tuple[Table, int]:
    """Where the taps begin, and how many floats each has: one run for neighbouring pixels."""
    offsets = [j for j, _ in right.taps]
    k = channels
    if source.pixel == channels and _are_neighbours(offsets):
        offsets, k = offsets[:1], len(offsets) * channels
    taps = [
        (i + before[0]) * source.row + (j + before[1]) * source.pixel
        for i, _ in down.taps
        for j in offsets
    ]
    return np.array(taps, np.int64), k


def _are_neighbours(offsets: list[int]) -> bool:
    return all(after - before == 1 for before, after in pairwise(offsets))


def _places(rows: range, columns: range, apart: Distances, images: int) -> Table:
    """Where pixels lie, image by image and row by row."""
    image = np.add.outer(np.array(rows) * apart.row, np.array(columns) * apart.pixel)
    places: Table = np.add.outer(np.arange(images) * apart.image, image).ravel()
    return places
