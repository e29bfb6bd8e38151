"""Medians, quantiles and the most frequent."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.functions.function import (
    FUNCTIONS,
    axis_of,
    function,
)
from azuraforge.engine.functions.reduce import Found, only_floating, unsqueezed, value_and_places
from azuraforge.engine.functions.sort import sort
from azuraforge.engine.ops import elementwise, index, reduce, rounding
from azuraforge.engine.ops import sort as order
from azuraforge.engine.ops.shape import cast, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError


def _median(input: Tensor, dim: Any, keepdim: bool, *, skips_nan: bool) -> Any:
    if dim is None:
        flat = reshape(input, shape=(input.data.size,))
        if not input.data.size:
            return Tensor(np.full((), np.nan, input.dtype))
        return _median(flat, 0, False, skips_nan=skips_nan).values
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        return Found(input * 1, Tensor(np.zeros((), np.int64)))
    size = input.shape[axis]
    if not size:
        raise ShapeError(f"there is nothing along dim {dim} of shape {input.shape}")
    bad = (
        reduce.sum(rounding.isnan(input), axis=axis, keepdims=True)
        if input.dtype.kind == "f"
        else 0 * reduce.argmax(input, axis=axis)
    )
    places = order.argsort(input, axis=axis)
    if input.dtype.kind != "f":
        bad = unsqueezed(bad, axis)
    good = size - bad
    rank = div_down(good - 1, 2)
    rank = rounding.clamp_min(rank, 0)
    if not skips_nan:
        rank = rounding.where(elementwise.gt(bad, 0), size - bad, rank)
    place = index.gather(places, cast(rank, dtype="int64"), axis=axis)
    flat = (*input.shape[:axis], *input.shape[axis + 1 :])
    return value_and_places(input, reshape(place, shape=flat), axis, keepdim)


def div_down(x: Tensor, n: int) -> Tensor:
    """x // n, of whole numbers."""
    return rounding.floor(cast(x, dtype="float64") / n)


@function("median")
def median(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The lower median of all elements, or values and places along dim; NaN where there is one."""
    return _median(input, dim, keepdim, skips_nan=False)


@function("nanmedian")
def nanmedian(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """As median, NaN left out."""
    return _median(input, dim, keepdim, skips_nan=True)


@function("mode")
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Found:
    """The most frequent element along dim, the smallest of several, and its last place."""
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        return Found(input * 1, Tensor(np.zeros((), np.int64)))
    return value_and_places(input, order.mode_place(input, axis=axis), axis, keepdim)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    input: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, *, skips_nan: bool
) -> Tensor:
    if interpolation not in INTERPOLATIONS:
        raise ConfigError(f"interpolation is {interpolation!r}; allowed: {INTERPOLATIONS}")
    only_floating(input)
    shares = q if isinstance(q, Tensor) else Tensor(np.asarray(q, input.dtype))
    if shares.ndim > 1:
        raise ShapeError(f"q has shape {shares.shape}; allowed: () or (n,)")
    if not bool(((shares.data >= 0) & (shares.data <= 1)).all()):
        raise ShapeError(f"q is {shares.data}; allowed: 0 to 1")
    whole = dim is None
    x = reshape(input, shape=(input.data.size,)) if whole or not input.ndim else input
    axis = 0 if whole else axis_of(dim, x.ndim)
    rows = FUNCTIONS["movedim"](x, axis, -1)
    rows = sort(rows, -1).values
    nans = rounding.isnan(rows)
    bad = cast(reduce.sum(nans, axis=-1, keepdims=True), dtype=x.dtype)
    top = rows.shape[-1] - 1 - (bad if skips_nan else bad * 0)
    top = rounding.clamp_min(top, 0.0)
    at = reshape(shares, shape=(-1,)) * top  # (…, n)
    if not skips_nan:
        at = rounding.where(elementwise.gt(bad, 0), float(rows.shape[-1] - 1), at)
    if interpolation == "nearest":
        at = rounding.round(at)
    elif interpolation in ("lower", "higher"):
        at = rounding.floor(at) if interpolation == "lower" else rounding.ceil(at)
    low = cast(rounding.floor(at), dtype="int64").detach()
    below = index.gather(rows, low, axis=-1)
    weight = at - cast(low, dtype=x.dtype)
    if interpolation == "midpoint":
        weight = rounding.where(elementwise.gt(weight, 0), 0.5, 0.0 * weight)
    high = cast(rounding.ceil(at), dtype="int64").detach()
    y = rounding.lerp(below, index.gather(rows, high, axis=-1), weight)
    y = FUNCTIONS["movedim"](y, -1, 0)
    if keepdim:
        shape = (
            (1,) * input.ndim
            if whole or not input.ndim
            else (*input.shape[:axis], 1, *input.shape[axis + 1 :])
        )
    else:
        shape = () if whole or not input.ndim else (*input.shape[:axis], *input.shape[axis + 1 :])
    return reshape(y, shape=(*shares.shape, *shape))


@function("quantile")
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The q-th quantiles over dim, between elements by `interpolation`; NaN where there is one."""
    return _quantile(input, q, dim, keepdim, interpolation, skips_nan=False)


@function("nanquantile")
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """As quantile, NaN left out."""
    return _quantile(input, q, dim, keepdim, interpolation, skips_nan=True)
