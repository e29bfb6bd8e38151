"""Points of a curve: an immutable sequence that is cheap to append to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class _Buffer:
    """Points written so far; series of the same history share one."""

    def __init__(self, points: Floats, used: int) -> None:
        self.points = points
        self.used = used


@dataclass(frozen=True, slots=True)
class Series:
    """The first `size` points of a buffer.

    `plus` writes behind them in place, unless another series has done so already: then it copies.
    So appending costs O(1) amortised and no series ever changes.
    """

    _buffer: _Buffer
    size: int

    @staticmethod
    def empty() -> Series:
        return Series(_Buffer(np.empty((2, 64)), 0), 0)

    @property
    def x(self) -> Floats:
        return self._buffer.points[0, : self.size]

    @property
    def y(self) -> Floats:
        return self._buffer.points[1, : self.size]

    def plus(self, x: float, y: float) -> Series:
        """This series with one more point."""
        buffer = self._buffer
        if buffer.used != self.size or self.size == buffer.points.shape[1]:
            points = np.empty((2, max(64, 2 * self.size)))
            points[:, : self.size] = buffer.points[:, : self.size]
            buffer = _Buffer(points, self.size)
        buffer.points[:, self.size] = x, y
        buffer.used += 1
        return Series(buffer, self.size + 1)

    def __len__(self) -> int:
        return self.size
