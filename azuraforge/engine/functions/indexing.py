"""Functions that pick elements by place or by a mask, and put them back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import FUNCTIONS, alias, axis_of, function, tensor_of
from azuraforge.engine.functions.reduce import unsqueezed
from azuraforge.engine.functions.shape import movedim, ravel
from azuraforge.engine.ops import elementwise, rounding, scan
from azuraforge.engine.ops import index as places
from azuraforge.engine.ops.shape import cast, expand, getitem, reshape
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, DTypeError, ShapeError


def whole(index: Any, what: str = "index") -> Any:
    """The array of a tensor of places. Raises: DTypeError unless it holds whole numbers."""
    found = tensor_of(index, what).data
    if found.dtype.kind not in "iu":
        raise DTypeError(f"{what} is {found.dtype}; allowed: int64, int32")
    return found


def _within(index: Any, size: int, what: str = "index") -> Any:
    """Places counted from the front. Raises: ShapeError outside -size to size - 1."""
    if index.size and (int(index.min()) < -size or int(index.max()) >= size):
        raise ShapeError(
            f"{what} holds {int(index.min())} to {int(index.max())}; allowed: {-size} to {size - 1}"
        )
    return module_of(index).where(index < 0, index + size, index)


def _tall(x: Tensor) -> Tensor:
    """A number as a row of one."""
    return x if x.ndim else reshape(x, shape=(1,))


def _nothing(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """No elements of the input, in a shape that holds none."""
    return reshape(getitem(ravel(input), index=slice(0, 0)), shape=shape)


@function("gather")
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """y[i][j] = input[index[i][j]][j] along dim 0."""
    whole(index)
    axis = axis_of(dim, input.ndim)
    if not index.data.size:
        return _nothing(input, index.shape)
    if not input.ndim or not index.ndim:
        y = places.gather(_tall(input), _tall(index), axis=axis)
        return reshape(y, shape=index.shape)
    return places.gather(input, index, axis=axis)


@function("take_along_dim")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """gather, with both broadcast outside dim; without dim, of all elements."""
    whole(indices, "indices")
    if dim is None:
        return places.gather(ravel(input), ravel(indices), axis=0)
    axis = axis_of(dim, input.ndim)
    if input.ndim != indices.ndim:
        raise ShapeError(
            f"input {input.shape}, indices {indices.shape}; allowed: as many dimensions"
        )
    sizes = np.broadcast_shapes(
        *((*x.shape[:axis], *x.shape[axis + 1 :]) for x in (input, indices))
    )
    x, index = (
        expand(x, shape=(*sizes[:axis], x.shape[axis], *sizes[axis:])) for x in (input, indices)
    )
    read("take_along_dim")
    return places.gather(x, Tensor(_within(index.data, x.shape[axis])), axis=axis)


def _source(src: Any, index: Tensor, input: Tensor) -> Any:
    if isinstance(src, Tensor) and src.dtype != input.dtype:
        raise DTypeError(f"src {src.dtype}, input {input.dtype}; allowed: equal types")
    return src


@function("scatter_add")
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """input, with src[i][j] added at [index[i][j]][j] along dim 0."""
    whole(index)
    axis = axis_of(dim, input.ndim)
    src = _source(src, index, input)
    x, at, own = _tall(input), _tall(index), _tall(src)
    if not index.data.size:
        return input * 1
    y = x + places.spread(own, at, axis=axis, shape=x.shape)
    return reshape(y, shape=input.shape)


@function("scatter")
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """input, with src[i][j] put at [index[i][j]][j] along dim 0; or added, or multiplied there."""
    whole(index)
    axis = axis_of(dim, input.ndim)
    own = _source(value if src is None else src, index, input)
    if not index.data.size:
        return input * 1
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise ConfigError(f"reduce is {reduce!r}; allowed: None, 'add', 'multiply'")
        if not isinstance(own, Tensor):
            own = Tensor(np.full(index.shape, own, input.dtype))
        how = {"add": "sum", "multiply": "prod"}[reduce]
        return scatter_reduce(input, dim, index, own, how)
    x, at = _tall(input), _tall(index)
    own = _tall(own) if isinstance(own, Tensor) else float(own)
    return reshape(places.scatter(x, at, own, axis=axis), shape=input.shape)


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


@function("scatter_reduce")
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """As scatter_add, with another reduction of what meets at a place."""
    if reduce not in REDUCTIONS:
        raise ConfigError(f"reduce is {reduce!r}; allowed: {', '.join(REDUCTIONS)}")
    whole(index)
    axis = axis_of(dim, input.ndim)
    if not index.data.size:
        return input * 1
    x, at, own = _tall(input), _tall(index), _tall(_source(src, index, input))
    own = getitem(own, index=tuple(slice(n) for n in at.shape))
    y = _scatter_reduced(x, axis, at, own, reduce, include_self)
    return reshape(y, shape=input.shape)


def _scatter_reduced(
    x: Tensor, axis: int, at: Tensor, own: Tensor, reduce: str, includes: bool
) -> Tensor:
    ones = Tensor(np.ones(at.shape, x.dtype))
    counts = places.spread(ones, at, axis=axis, shape=x.shape)
    is_met = elementwise.gt(counts, 0)
    if reduce in ("sum", "mean"):
        start = x if includes else rounding.where(is_met, 0.0, x)
        total = start + places.spread(own, at, axis=axis, shape=x.shape)
        if reduce == "sum":
            return total
        number = counts + 1 if includes else rounding.clamp_min(counts, 1.0)
        return total / number
    if reduce == "prod":
        return _scatter_prod(x, axis, at, own, is_met, includes)
    return _scatter_extreme(x, axis, at, own, is_met, includes, is_max=reduce == "amax")


def _scatter_prod(
    x: Tensor, axis: int, at: Tensor, own: Tensor, is_met: Tensor, includes: bool
) -> Tensor:
    """Products of what meets: for each element of src one factor, multiplied one after another."""
    start = x if includes else rounding.where(is_met, 1.0, x)
    y = start
    for k in range(at.shape[axis]):
        step, factor = (scan.part(each, axis, k, k + 1) for each in (at, own))
        here = tuple(slice(n) for n in step.shape)
        region = tuple(slice(None) if i == axis else part for i, part in enumerate(here))
        block = getitem(y, index=region)
        old = places.gather(block, step, axis=axis)
        block = places.scatter(block, step, old * factor, axis=axis)
        y = places.index_put(y, block, index=region)
    return y


def _scatter_extreme(
    x: Tensor, axis: int, at: Tensor, own: Tensor, is_met: Tensor, includes: bool, *, is_max: bool
) -> Tensor:
    """The extreme at each place; those that reach it share its gradient."""
    read("scatter_reduce")
    worst = -math.inf if is_max else math.inf
    values = np.where(is_met.data & (not includes), worst, x.data)
    ufunc = np.maximum if is_max else np.minimum
    grid = list(np.ogrid[tuple(slice(n) for n in at.shape)])
    grid[axis] = at.data
    ufunc.at(values, tuple(grid), own.data)
    best = Tensor(values)
    src_hits = cast(elementwise.eq(own, places.gather(best, at, axis=axis)), dtype=x.dtype)
    hits = cast(elementwise.eq(x, best), dtype=x.dtype)
    if not includes:
        hits = rounding.where(is_met, 0.0, hits)
    ties = hits + places.spread(src_hits, at, axis=axis, shape=x.shape)
    share = rounding.where(elementwise.gt(ties, 0), ties, 1.0)
    from_src = places.spread(own * src_hits, at, axis=axis, shape=x.shape)
    smooth = (x * hits + from_src) / share
    return smooth - smooth.detach() + best


@function("index_select")
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """What stands at places of an axis."""
    axis = axis_of(dim, input.ndim)
    if index.ndim > 1:
        raise ShapeError(f"index has shape {index.shape}; allowed: at most one dimension")
    x = _tall(input)
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
    x = _tall(input)
    return x, axis, _within(whole(index).reshape(-1), x.shape[axis])


@function("index_add")
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """input, with parts of source added at places of an axis."""
    x, axis, at = _along(input, dim, index)
    own = _tall(_source(source, index, input))
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
    own = _tall(_source(source, index, input))
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
    own = _tall(source)
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
    at = _within(whole(index), input.data.size)
    return getitem(ravel(input), index=at)


@function("put")
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """input, with the elements of source at places of the flattened input, or added there."""
    read("put")
    at = _within(whole(index).reshape(-1), input.data.size)
    y = places.index_put(ravel(input), ravel(source), index=at, accumulate=accumulate)
    return reshape(y, shape=input.shape)


def _mask(mask: Any) -> Tensor:
    if tensor_of(mask, "mask").dtype != np.bool_:
        raise DTypeError(f"mask is {mask.dtype}; allowed: bool")
    return mask


@function("masked_fill")
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """input, with a number where the mask holds."""
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"value has shape {value.shape}; allowed: a number")
    y = rounding.where(_mask(mask), value, input)
    if y.dtype.kind == "c" != input.dtype.kind:
        raise DTypeError(f"value is {value}; allowed for {input.dtype}: real numbers")
    return y if y.dtype == input.dtype else y.to(input.dtype)


@function("masked_select")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, in one row."""
    read("masked_select")
    shape = tuple(np.broadcast_shapes(input.shape, _mask(mask).shape))
    hits = module_of(mask.data).broadcast_to(mask.data, shape)
    return getitem(expand(input, shape=shape), index=hits)


@function("masked_scatter")
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """input, with the elements of source in order where the mask holds."""
    shape = tuple(np.broadcast_shapes(input.shape, _mask(mask).shape))
    if source.dtype != input.dtype:
        raise DTypeError(f"source {source.dtype}, input {input.dtype}; allowed: equal types")
    read("masked_scatter")
    hits = np.broadcast_to(mask.data, shape)
    count = int(hits.sum())
    if count > source.data.size:
        raise ShapeError(f"source has {source.data.size} elements; allowed: at least {count}")
    own = getitem(ravel(source), index=slice(0, count))
    return places.index_put(expand(input, shape=shape), own, index=hits)


@function("nonzero")
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not zero: in rows, or for each axis."""
    read("nonzero")
    xp = module_of(tensor_of(input).data)
    found = xp.nonzero(xp.atleast_1d(input.data))
    if as_tuple:
        return tuple(Tensor(x) for x in found)
    return Tensor(xp.stack(found, -1)[:, : input.ndim])


alias("argwhere", of="nonzero")


def _triangle(name: str, keep: Any) -> Any:
    def call(input: Tensor, diagonal: int = 0) -> Tensor:
        if input.ndim < 2:
            raise ShapeError(f"input has shape {input.shape}; allowed: at least 2 dimensions")
        rows, columns = input.shape[-2:]
        apart = np.arange(columns) - np.arange(rows)[:, None]
        mask = module_of(input.data).asarray(keep(apart, diagonal))
        return rounding.where(mask, input, 0)

    call.__doc__ = "The elements on one side of a diagonal, zeros on the other."
    return function(name)(call)


tril = _triangle("tril", np.less_equal)
triu = _triangle("triu", np.greater_equal)


def _diagonal_places(plane: Tensor, offset: int) -> tuple[Any, Any]:
    rows, columns = plane.shape[-2:]
    size = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    return np.arange(size) + max(-offset, 0), np.arange(size) + max(offset, 0)


@function("diagonal")
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of the plane of two axes, as the last axis."""
    if input.ndim < 2:
        raise ShapeError(
            f"dims {dim1}, {dim2} of shape {input.shape}; allowed: 2 dimensions or more"
        )
    a, b = axis_of(dim1, input.ndim, "dim1"), axis_of(dim2, input.ndim, "dim2")
    if a == b:
        raise ShapeError(f"dim1 {dim1} and dim2 {dim2} are one axis")
    plane = movedim(input, (a, b), (-2, -1))
    return getitem(plane, index=(..., *_diagonal_places(plane, offset)))


alias("diagonal_copy", of="diagonal")


@function("linalg.diagonal")
def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices."""
    return diagonal(A, offset, dim1, dim2)


@function("diag_embed")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last axis on a diagonal."""
    x = _tall(input)
    a, b = axis_of(dim1, x.ndim + 1, "dim1"), axis_of(dim2, x.ndim + 1, "dim2")
    if a == b:
        raise ShapeError(f"dim1 {dim1} and dim2 {dim2} are one axis")
    size = x.shape[-1] + abs(offset)
    zeros = Tensor(module_of(x.data).zeros((*x.shape[:-1], size, size), x.dtype))
    y = places.index_put(zeros, x, index=(..., *_diagonal_places(zeros, offset)))
    return movedim(y, (-2, -1), (a, b))


@function("diag")
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix of a diagonal."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: 1 or 2 dimensions")
    return FUNCTIONS["diagonal"](input, diagonal)


@function("diagflat")
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements on a diagonal."""
    return diag_embed(ravel(input), offset)


@function("trace")
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    if input.ndim != 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: 2 dimensions, a matrix")
    return FUNCTIONS["sum"](diagonal(input))


@function("diagonal_scatter")
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """input, with src on a diagonal."""
    a, b = axis_of(dim1, input.ndim), axis_of(dim2, input.ndim)
    plane = movedim(input, (a, b), (-2, -1))
    at = _diagonal_places(plane, offset)
    y = places.index_put(plane, src, index=(..., *at))
    return movedim(y, (-2, -1), (a, b))


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


def _triangle_places(name: str, keep: Any) -> Any:
    def call(row: int, col: int, offset: int = 0, **options: Any) -> Tensor:
        apart = np.arange(col) - np.arange(row)[:, None]
        return Tensor(np.stack(np.nonzero(keep(apart, offset))))

    call.__doc__ = "The places on one side of a diagonal."
    return function(name)(call)


tril_indices = _triangle_places("tril_indices", np.less_equal)
triu_indices = _triangle_places("triu_indices", np.greater_equal)


@function("__getitem__")
def getitem_(input: Tensor, index: Any) -> Tensor:
    """input[index]."""
    return input[index]
