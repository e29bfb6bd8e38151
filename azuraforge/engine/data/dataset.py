"""TensorDataset: rows of several arrays, taken many at once."""

from __future__ import annotations

from typing import Any

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

    def subset(self, rows: Any) -> TensorDataset:
        """The dataset of these rows."""
        return TensorDataset(*self[rows])

    def to(self, device: str) -> TensorDataset:
        """The same rows on a device."""
        return TensorDataset(*(put(array, device) for array in self.arrays))
