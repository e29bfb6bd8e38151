"""Windows over a series: what was, and what came after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.data.dataset import Dataset
from azuraforge.engine.device import Array, module_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DataError, ShapeError


def sliding_windows(series: Array, length: int, stride: int = 1) -> Array:
    """Every `stride`-th run of `length` rows, as a view that cannot be written to.

    Shape:  (rows, …) -> (windows, length, …)
    Raises: ShapeError.
    """
    if not 1 <= length <= len(series) or stride < 1:
        raise ShapeError(
            f"sliding_windows: length {length}, stride {stride}, series of {len(series)} rows; "
            "allowed: 1 or more, and rows for one window at least"
        )
    xp = module_of(series)
    found = xp.lib.stride_tricks.sliding_window_view(series, length, axis=0)
    return xp.moveaxis(found, -1, 1)[::stride]


class WindowDataset(Dataset[tuple[Any, Any]]):
    """Windows of `length` rows, each with the `horizon` rows of `target` after it.

    Batches are made of the series when they are asked for; not shuffled, with a stride of 1, they
    are views. A window shares rows with the next ones: between chronological splits, a gap of
    `length + horizon - 1` windows leaves no row in two parts.

    Shape:  series (rows, …), target (rows, …), the series where it is None
            -> ((length, …), (horizon, …)) for a sample
    Raises: ShapeError, DataError for a series too short for one window.
    """

    is_batched = True

    def __init__(
        self,
        series: Any,
        length: int,
        horizon: int = 1,
        stride: int = 1,
        target: Any = None,
    ) -> None:
        self.series = series
        self.target = series if target is None else target
        if len(self.target) != len(series):
            raise ShapeError(
                f"WindowDataset: series of {len(series)} rows, target of {len(self.target)}; "
                "allowed: equal numbers"
            )
        if length < 1 or horizon < 1 or stride < 1 or len(series) < length + horizon:
            raise DataError(
                f"WindowDataset: length {length}, horizon {horizon}, stride {stride} over "
                f"{len(series)} rows; allowed: 1 or more, and rows for one window at least"
            )
        self.length = length
        self.horizon = horizon
        self.stride = stride

    def __len__(self) -> int:
        return (len(self.series) - self.length - self.horizon) // self.stride + 1

    def __getitem__(self, rows: Any) -> tuple[Any, Any]:
        if isinstance(rows, int | np.integer) and not -len(self) <= rows < len(self):
            raise IndexError(f"WindowDataset: window {rows} of {len(self)}")
        x = _rows(self.series, self._begins(rows, 0), self.length)
        return x, _rows(self.target, self._begins(rows, self.length), self.horizon)

    def __getitems__(self, rows: Sequence[int]) -> list[tuple[Any, Any]]:
        return list(zip(*self[np.asarray(rows, np.int64)], strict=True))

    def each(self, several: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """What indexing with each gives, one after the other."""
        return map(self.__getitem__, several)

    def _begins(self, rows: Any, ahead: int) -> Any:
        """Where the windows begin, `ahead` rows on: a number, a range, or an array."""
        if isinstance(rows, slice):
            numbers = range(len(self))[rows]
            first, step = numbers.start * self.stride + ahead, numbers.step * self.stride
            return range(first, first + len(numbers) * step, step)
        if isinstance(rows, int | np.integer):
            return int(rows) % len(self) * self.stride + ahead
        return np.arange(len(self))[rows] * self.stride + ahead


def _rows(series: Any, begins: Any, length: int) -> Any:
    """The windows that begin there: views where they begin at a place, or one row after another."""
    if isinstance(series, Tensor):
        return Tensor(_rows(series.data, begins, length))
    if isinstance(begins, int):
        return series[begins : begins + length]
    if isinstance(begins, range) and begins.step == 1 and len(begins):
        return sliding_windows(series[begins.start : begins.stop - 1 + length], length)
    at = np.asarray(begins, np.int64)[:, None] + np.arange(length)
    return module_of(series).take(series, module_of(series).asarray(at), axis=0)
