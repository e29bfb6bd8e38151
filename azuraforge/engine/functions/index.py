"""Elements picked by place, and put back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import alias, axis_of, function
from azuraforge.engine.functions.gather import at_least_row, whole, within
from azuraforge.engine.functions.masks import masked_fill
from azuraforge.engine.functions.reshape import ravel
from azuraforge.engine.functions.scatter import scatter_reduce, source_of
from azuraforge.engine.ops import index as places
from azuraforge.engine.ops import rounding
from azuraforge.engine.ops.shape import getitem, reshape
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ShapeError


@function("index_select")
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """What stands at places of an axis."""
    axis = axis_of(dim, input.ndim)
    if index.ndim > 1:
        raise ShapeError(f"index has shape {index.shape}; allowed: at most one dimension")
    x = at_least_row(input)
    read("index_select")
    at = whole(index).reshape(-1)
    if at.size and (int(at.min()) < 0 or int(at.max()) >= x.shape[axis]):
        raise ShapeError(f"index holds {at.min()} to {at.max()}; allowed: 0 to {x.shape[axis] - 1}")
    y = getitem(x, index=(*(slice(None),) * axis, at))
    return y if input.ndim else reshape(y, shape=())


def _along(input: Tensor, dim: int, index: Tensor) -> tuple[Tensor, int, Any]:
    read("index_add, index_copy, index_fill or index_reduce")
    axis = axis_of(dim, input.ndim)
    if index.ndim > 1:
        raise ShapeError(f"index has shape {index.shape}; allowed: at most one dimension")
    x = at_least_row(input)
    return x, axis, within(whole(index).reshape(-1), x.shape[axis])


@function("index_add")
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """input, with parts of source added at places of an axis."""
    x, axis, at = _along(input, dim, index)
    own = at_least_row(source_of(source, index, input))
    if own.ndim != x.ndim or own.shape[axis] != at.size:
        raise ShapeError(
            f"input {input.shape}, index {index.shape}, source {source.shape}; allowed: a source "
            f"with as many dimensions, and as many places along dim {dim} as the index"
        )
    if [n for i, n in enumerate(own.shape) if i != axis] != [
        n for i, n in enumerate(x.shape) if i != axis
    ]:
        raise ShapeError(f"input {input.shape}, source {source.shape} differ outside dim {dim}")
    own = own if alpha == 1 else own * alpha
    index_ = (*(slice(None),) * axis, at)
    return reshape(places.index_put(x, own, index=index_, accumulate=True), shape=input.shape)


@function("index_copy")
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """input, with parts of source at places of an axis."""
    x, axis, at = _along(input, dim, index)
    own = at_least_row(source_of(source, index, input))
    y = places.index_put(x, own, index=(*(slice(None),) * axis, at))
    return reshape(y, shape=input.shape)


@function("index_fill")
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """input, with a number at places of an axis."""
    x, axis, at = _along(input, dim, index)
    row = np.zeros(x.shape[axis], np.bool_)
    row[at] = True
    mask = module_of(at).asarray(row.reshape(-1, *(1,) * (x.ndim - axis - 1)))
    return reshape(masked_fill(x, Tensor(mask), value), shape=input.shape)


@function("index_reduce")
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """As index_add, with another reduction of what meets at a place."""
    x, axis, at = _along(input, dim, index)
    own = at_least_row(source)
    row = at.reshape(*(-1 if i == axis else 1 for i in range(x.ndim)))
    wide = Tensor(np.ascontiguousarray(np.broadcast_to(row, own.shape)))
    y = scatter_reduce(x, axis, wide, own, reduce, include_self=include_self)
    return reshape(y, shape=input.shape)


def _index(indices: Sequence[Any]) -> tuple[Any, ...]:
    if any(isinstance(x, Tensor) for x in indices):
        read("index_put")
    parts = (x.data if isinstance(x, Tensor) else x for x in indices)
    return tuple(slice(None) if x is None else x for x in parts)


@function("index_put")
def index_put(
    input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False
) -> Tensor:
    """input, with values at the places that index each axis, or added there."""
    return places.index_put(input, values, index=_index(indices), accumulate=accumulate)


@function("take")
def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements by their place in the flattened input."""
    read("take")
    at = within(whole(index), input.data.size)
    return getitem(ravel(input), index=at)


@function("put")
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """input, with the elements of source at places of the flattened input, or added there."""
    read("put")
    at = within(whole(index).reshape(-1), input.data.size)
    y = places.index_put(ravel(input), ravel(source), index=at, accumulate=accumulate)
    return reshape(y, shape=input.shape)


@function("select_scatter")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """input, with src at one place of an axis."""
    axis = axis_of(dim, input.ndim)
    return places.index_put(input, src, index=(*(slice(None),) * axis, index))


@function("slice_scatter")
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """input, with src at a slice of an axis."""
    axis = axis_of(dim, input.ndim)
    index = (*(slice(None),) * axis, slice(start, end, step))
    return places.index_put(input, src, index=index)


@function("slice")
def sliced(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A slice of an axis."""
    axis = axis_of(dim, input.ndim)
    return getitem(input, index=(*(slice(None),) * axis, slice(start, end, step)))


def _strided(size: Sequence[int], stride: Sequence[int], offset: int) -> Any:
    at = np.asarray(offset)
    for n, step in zip(size, stride, strict=True):
        at = at[..., None] + np.arange(n) * step
    return at


@function("as_strided")
def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """Elements `stride` apart in the flattened input, from an offset on."""
    at = _strided(size, stride, storage_offset or 0)
    return getitem(ravel(input), index=module_of(input.data).asarray(at))


alias("as_strided_copy", of="as_strided")


@function("as_strided_scatter")
def as_strided_scatter(
    input: Tensor,
    src: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """input, with src at the elements that as_strided would take."""
    at = _strided(size, stride, storage_offset or 0)
    if src.shape != tuple(size):
        raise ShapeError(f"src {src.shape}, size {tuple(size)}; allowed: equal shapes")
    y = places.index_put(ravel(input), src, index=at)
    return reshape(y, shape=input.shape)


@function("fill")
def fill(input: Tensor, value: Any) -> Tensor:
    """A number everywhere, in the shape of the input."""
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"value has shape {value.shape}; allowed: a number")
    y = rounding.where(Tensor(module_of(input.data).ones(input.shape, np.bool_)), value, input)
    return y if y.dtype == input.dtype else y.to(input.dtype)


@function("__getitem__")
def getitem_(input: Tensor, index: Any) -> Tensor:
    """input[index]."""
    return input[index]
