"""What values there are, how many of each, and where they belong."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import function
from azuraforge.engine.functions.gather import whole
from azuraforge.engine.functions.reduce import unsqueezed
from azuraforge.engine.ops import elementwise
from azuraforge.engine.ops.shape import cast
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, ShapeError


@function("nn.functional.one_hot")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Rows of zeros with a one at each element's place."""
    at = whole(tensor, "tensor")
    if num_classes == -1:
        read("one_hot without num_classes")
        num_classes = int(at.max()) + 1
    if at.size and (int(at.min()) < 0 or int(at.max()) >= num_classes):
        raise ShapeError(f"tensor holds {at.min()} to {at.max()}; allowed: 0 to {num_classes - 1}")
    return cast(
        elementwise.eq(unsqueezed(tensor, tensor.ndim), np.arange(num_classes)), dtype="int64"
    )


@function("unique")
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in order; with their places in it, and how often each comes."""
    read("unique")
    found = np.unique(input.data, return_inverse=True, return_counts=True, axis=dim)
    inverse = found[1].reshape(input.shape if dim is None else (-1,))
    wanted = [
        found[0],
        *([inverse] if return_inverse else []),
        *([found[2]] if return_counts else []),
    ]
    results = tuple(Tensor(x) for x in wanted)
    return results if len(results) > 1 else results[0]


@function("unique_consecutive")
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first of each run of equal elements; with their places in it, and the runs' lengths."""
    read("unique_consecutive")
    x = input.data.reshape(-1) if dim is None else np.moveaxis(input.data, dim, 0)
    rows = x.reshape(len(x), -1)
    begins = np.ones(len(x), np.bool_)
    begins[1:] = (rows[1:] != rows[:-1]).any(1)
    starts = np.flatnonzero(begins)
    values = x[starts] if dim is None else np.moveaxis(x[starts], 0, dim)
    inverse = np.cumsum(begins) - 1
    inverse = inverse.reshape(input.shape) if dim is None else inverse
    counts = np.diff(np.append(starts, len(x)))
    wanted = [values, *([inverse] if return_inverse else []), *([counts] if return_counts else [])]
    results = tuple(Tensor(y) for y in wanted)
    return results if len(results) > 1 else results[0]


@function("bincount")
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each whole number comes, or the sum of its weights."""
    at = whole(input, "input")
    if at.ndim != 1 or (at.size and int(at.min()) < 0):
        raise ShapeError(f"input has shape {at.shape}; allowed: one dimension of numbers from 0")
    read("bincount")
    w = None if weights is None else weights.data
    y = module_of(at).bincount(at, w, minlength)
    if w is not None and w.dtype == np.float32:
        y = y.astype(np.float32)
    return Tensor(y)


@function("histc")
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of equal bins from min to max; all there are, if equal."""
    read("histc")
    x = input.data.reshape(-1)
    low, high = float(min), float(max)
    if bins < 1 or low > high:
        raise ConfigError(f"bins {bins}, min {min}, max {max}; allowed: bins from 1, min up to max")
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    counts, _ = np.histogram(x, bins, (low, high))
    return Tensor(counts.astype(input.dtype))


@function("searchsorted")
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
) -> Tensor:
    """Where elements would have to be inserted into ordered rows."""
    read("searchsorted")
    rows = sorted_sequence.data
    values = np.asarray(input.data if isinstance(input, Tensor) else input, rows.dtype)
    which: Any = "right" if right or side == "right" else "left"
    dtype = np.int32 if out_int32 else np.int64
    if rows.ndim == 1:
        return Tensor(np.asarray(np.searchsorted(rows, values, which)).astype(dtype))
    flat = [
        np.searchsorted(row, each, which)
        for row, each in zip(
            rows.reshape(-1, rows.shape[-1]), values.reshape(-1, values.shape[-1]), strict=True
        )
    ]
    return Tensor(np.array(flat, dtype).reshape(values.shape))


@function("bucketize")
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The number of the bucket between boundaries that each element falls into."""
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries has shape {boundaries.shape}; allowed: one dimension")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@function("isin")
def isin(elements: Any, test_elements: Any, *, invert: bool = False) -> Tensor:
    """Whether each element is one of the test elements."""
    read("isin")
    a, b = (x.data if isinstance(x, Tensor) else x for x in (elements, test_elements))
    return Tensor(np.asarray(np.isin(a, b, invert=invert)))
