"""Datasets: samples by number, rows of arrays, parts and sums of datasets, and streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from azuraforge.engine.device import Array, module_of, put
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by number: a subclass has `__getitem__` and `__len__`.

    One with `__getitems__(numbers)` too is asked for the samples of a batch at once.
    """

    @property
    def is_batched(self) -> bool:
        """Whether `each` gives whole batches, which need no collating."""
        return False

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__: a dataset needs one")

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """A stream of samples: a subclass has `__iter__`, which begins an epoch."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__: a stream needs one")


class TensorDataset(Dataset[tuple[Any, ...]]):
    """Rows of arrays or tensors with equal first axes; an index array or a slice takes many."""

    is_batched = True

    def __init__(self, *arrays: Any) -> None:
        if not arrays or any(len(a) != len(arrays[0]) for a in arrays):
            lengths = [len(a) for a in arrays]
            raise ShapeError(f"TensorDataset: arrays of {lengths} rows; allowed: equal lengths")
        self.arrays = arrays

    @property
    def tensors(self) -> tuple[Any, ...]:
        """The arrays, under PyTorch's name."""
        return self.arrays

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, rows: Any) -> tuple[Any, ...]:
        return tuple(array[rows] for array in self.arrays)

    def __getitems__(self, rows: Sequence[int]) -> list[tuple[Any, ...]]:
        return list(zip(*next(self.each([np.asarray(rows, np.int64)])), strict=True))

    def each(self, several: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """What indexing with each gives, one after the other: all slices, or all index arrays."""
        return zip(*(map(_indexing(array, several), several) for array in self.arrays), strict=True)

    def subset(self, rows: Any) -> TensorDataset:
        """The dataset of these rows."""
        return TensorDataset(*self[rows])

    def to(self, device: str) -> TensorDataset:
        """The same rows on a device."""
        return TensorDataset(*(_put(array, device) for array in self.arrays))


class Subset(Dataset[Any]):
    """The samples of `dataset` with these numbers, in this order."""

    def __init__(self, dataset: Any, indices: Sequence[int] | Array) -> None:
        self.dataset = dataset
        self.indices = indices

    @property
    def is_batched(self) -> bool:
        return getattr(self.dataset, "is_batched", False)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[self._rows(index)]

    def __getitems__(self, numbers: Sequence[int]) -> list[Any]:
        return samples_of(self.dataset, [self.indices[number] for number in numbers])

    def each(self, several: Sequence[Any]) -> Iterator[Any]:
        """The batches of these rows of the subset, where the dataset gives batches."""
        found: Iterator[Any] = self.dataset.each([self._rows(rows) for rows in several])
        return found

    def _rows(self, rows: Any) -> Any:
        """Where rows of the subset are in the dataset; of a run of rows, a slice stays one."""
        if isinstance(rows, slice) and isinstance(self.indices, range) and self.indices.step == 1:
            part = self.indices[rows]
            return slice(part.start, part.stop) if part.step == 1 else np.asarray(part)
        if isinstance(rows, int | np.integer):
            return self.indices[int(rows)]
        return np.asarray(self.indices, np.int64)[rows]


class ConcatDataset(Dataset[Any]):
    """Datasets one after the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ConfigError("ConcatDataset: no datasets; allowed: 1 or more")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise ConfigError(
                    f"ConcatDataset: {type(dataset).__name__} is a stream, without numbers; chain "
                    "streams in the __iter__ of one that you write"
                )
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))

    @property
    def is_batched(self) -> bool:
        return all(getattr(dataset, "is_batched", False) for dataset in self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"ConcatDataset: sample {index} of {len(self)}")
        index %= len(self)
        part, row = self._places(np.array([index]))
        return self.datasets[int(part[0])][int(row[0])]

    def __getitems__(self, numbers: Sequence[int]) -> list[Any]:
        found: list[Any] = [None] * len(numbers)
        for part, at, rows in self._parts(np.asarray(numbers, np.int64)):
            for place, sample in zip(at, samples_of(part, rows.tolist()), strict=True):
                found[place] = sample
        return found

    def each(self, several: Sequence[Any]) -> Iterator[Any]:
        """The batches of these rows, put together from those of the datasets."""
        return map(self._batch, several)

    def _batch(self, rows: Any) -> tuple[Any, ...]:
        numbers = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        parts = [(at, next(iter(part.each([rows])))) for part, at, rows in self._parts(numbers)]
        back = np.argsort(np.concatenate([at for at, _ in parts]), kind="stable")
        columns = zip(*(batch for _, batch in parts), strict=True)
        return tuple(_joined(pieces, back) for pieces in columns)

    def _parts(self, numbers: Array) -> Iterator[tuple[Any, Array, Array]]:
        """Each dataset that has some of the samples, where they are asked for, and their rows."""
        parts, rows = self._places(numbers)
        for part in np.unique(parts):
            at = np.flatnonzero(parts == part)
            yield self.datasets[part], at, rows[at]

    def _places(self, numbers: Array) -> tuple[Array, Array]:
        ends = np.asarray(self.cumulative_sizes)
        parts = np.searchsorted(ends, numbers, side="right")
        return parts, numbers - np.concatenate(([0], ends))[parts]


def samples_of(dataset: Any, numbers: Sequence[Any]) -> list[Any]:
    """The samples with these numbers: at once where the dataset can, else one by one."""
    if hasattr(dataset, "__getitems__"):
        found: list[Any] = dataset.__getitems__(numbers)
        return found
    return [dataset[number] for number in numbers]


def _indexing(array: Any, several: Sequence[Any]) -> Callable[[Any], Any]:
    """`array[rows]` as a function of rows; of index arrays, NumPy's take is the faster way."""
    if isinstance(array, Tensor):
        inner = _indexing(array.data, several)
        return lambda rows: Tensor(inner(rows))
    if isinstance(array, np.ndarray) and several and isinstance(several[0], np.ndarray):
        return lambda rows: array.take(rows, 0)
    taken: Callable[[Any], Any] = array.__getitem__
    return taken


def _joined(pieces: Sequence[Any], order: Array) -> Any:
    if isinstance(pieces[0], Tensor):
        return Tensor(_joined([piece.data for piece in pieces], order))
    return module_of(pieces[0]).concatenate(pieces)[order]


def _put(array: Any, device: str) -> Any:
    return array.to(device) if isinstance(array, Tensor) else put(array, device)
