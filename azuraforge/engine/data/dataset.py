"""TensorDataset: rows of several arrays, taken many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, put
from azuraforge.errors import ShapeError


class TensorDataset:
    """Arrays with equal first axes; indexing with an index array or slice takes rows of each."""

    def __init__(self, *arrays: Array) -> None:
        if not arrays or any(len(a) != len(arrays[0]) for a in arrays):
            lengths = [len(a) for a in arrays]
            raise ShapeError(f"TensorDataset: arrays of {lengths} rows; allowed: equal lengths")
        self.arrays = arrays

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, rows: Any) -> tuple[Array, ...]:
        return tuple(array[rows] for array in self.arrays)

    def each(self, several: Sequence[Any]) -> Iterator[tuple[Array, ...]]:
        """What indexing with each gives, one after the other: all slices, or all index arrays."""
        return zip(*(map(_indexing(array, several), several) for array in self.arrays), strict=True)

    def subset(self, rows: Any) -> TensorDataset:
        """The dataset of these rows."""
        return TensorDataset(*self[rows])

    def to(self, device: str) -> TensorDataset:
        """The same rows on a device."""
        return TensorDataset(*(put(array, device) for array in self.arrays))


def _indexing(array: Array, several: Sequence[Any]) -> Callable[[Any], Array]:
    """`array[rows]` as a function of rows; of index arrays, NumPy's take is the faster way."""
    if isinstance(array, np.ndarray) and several and isinstance(several[0], np.ndarray):
        return lambda rows: array.take(rows, 0)
    return array.__getitem__  # type: ignore[no-any-return]
