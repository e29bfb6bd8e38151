"""Elements put at places along an axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.functions.function import axis_of, function
from azuraforge.engine.functions.gather import at_least_row, whole
from azuraforge.engine.ops import elementwise, rounding, scan
from azuraforge.engine.ops import index as places
from azuraforge.engine.ops.shape import cast, getitem, reshape
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, DTypeError


def source_of(src: Any, index: Tensor, input: Tensor) -> Any:
    if isinstance(src, Tensor) and src.dtype != input.dtype:
        raise DTypeError(f"src {src.dtype}, input {input.dtype}; allowed: equal types")
    return src


@function("scatter_add")
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """input, with src[i][j] added at [index[i][j]][j] along dim 0."""
    whole(index)
    axis = axis_of(dim, input.ndim)
    src = source_of(src, index, input)
    x, at, own = at_least_row(input), at_least_row(index), at_least_row(src)
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
    own = source_of(value if src is None else src, index, input)
    if not index.data.size:
        return input * 1
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise ConfigError(f"reduce is {reduce!r}; allowed: None, 'add', 'multiply'")
        if not isinstance(own, Tensor):
            own = Tensor(np.full(index.shape, own, input.dtype))
        how = {"add": "sum", "multiply": "prod"}[reduce]
        return scatter_reduce(input, dim, index, own, how)
    x, at = at_least_row(input), at_least_row(index)
    own = at_least_row(own) if isinstance(own, Tensor) else float(own)
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
    x, at, own = (
        at_least_row(input),
        at_least_row(index),
        at_least_row(source_of(src, index, input)),
    )
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
