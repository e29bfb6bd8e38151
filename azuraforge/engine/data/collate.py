"""Samples made one batch: numbers and arrays stacked to tensors, containers kept.

Source: the rules are those of torch.utils.data.default_collate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError, ShapeError


def default_collate(batch: Sequence[Any]) -> Any:
    """The samples as one: arrays, tensors and numbers get a first axis, in a Tensor.

    Dicts stay dicts, named tuples named tuples; tuples and lists become lists; text stays as it is.

    Raises: ShapeError for samples of unequal shape or length; DTypeError for what cannot be put
            together.
    """
    first = batch[0]
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _rebuilt(first, {key: default_collate([s[key] for s in batch]) for key in first})
    if isinstance(first, Sequence):
        _check_lengths(batch)
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    return Tensor(_stacked([_array(sample) for sample in batch]))


def default_convert(data: Any) -> Any:
    """The same with arrays as Tensors, alone or in containers; a batch of none."""
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind not in "OSU":
        return Tensor(np.asarray(data))
    if isinstance(data, Mapping):
        return _rebuilt(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        items = [default_convert(value) for value in data]
        return type(data)(*items) if hasattr(data, "_fields") else items
    return data


def _array(sample: Any) -> Any:
    if isinstance(sample, Tensor):
        return sample.data
    if isinstance(sample, float):
        return np.float64(sample)
    array = sample if hasattr(sample, "dtype") else np.asarray(sample)
    if array.dtype.kind in "OSU":
        raise DTypeError(
            f"default_collate: {type(sample).__name__} {sample!r:.60}; allowed: tensors, arrays, "
            "numbers, text, dicts, tuples and lists: give the DataLoader a collate_fn"
        )
    return array


def _stacked(arrays: Sequence[Any]) -> Any:
    shapes = {np.shape(array) for array in arrays}
    if len(shapes) > 1:
        raise ShapeError(
            f"default_collate: samples of shapes {sorted(shapes)}; allowed: equal shapes: pad "
            "them, or give the DataLoader a collate_fn"
        )
    return module_of(arrays[0]).stack(arrays)


def _check_lengths(batch: Sequence[Sequence[Any]]) -> None:
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise ShapeError(
            f"default_collate: samples of {sorted(lengths)} parts; allowed: equal numbers"
        )


def _rebuilt(like: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """The items in a mapping of the type of `like`, where it can be made of them."""
    make: Callable[[dict[Any, Any]], Any] = type(like)
    try:
        return make(items)
    except TypeError:  # such as a defaultdict, whose first argument is no mapping
        return items
