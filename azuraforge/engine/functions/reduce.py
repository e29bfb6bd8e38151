"""Reductions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from azuraforge.engine.functions.function import (
    axes_of,
    axis_of,
    function,
    tensor_of,
)
from azuraforge.engine.ops import elementwise, index, reduce, rounding, scan
from azuraforge.engine.ops.shape import cast, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError


class Found(NamedTuple):
    """Elements, and their places along the axis."""

    values: Any
    indices: Any


def to_dtype(input: Tensor, dtype: Any) -> Tensor:
    return tensor_of(input) if dtype is None else tensor_of(input).to(dtype)


def only_floating(input: Tensor) -> None:
    if tensor_of(input).dtype.kind not in "fc":
        raise DTypeError(
            f"element type {input.dtype}; allowed: floating types; convert with .to('float32')"
        )


@function("sum")
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over dim, or over all elements."""
    x = to_dtype(input, dtype)
    return reduce.sum(x, axis=axes_of(dim, x.ndim), keepdims=keepdim)


@function("nansum")
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over dim, NaN left out."""
    x = to_dtype(input, dtype)
    return sum(rounding.where(rounding.isnan(x), 0, x), dim, keepdim)


@function("mean")
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over dim, or over all elements; NaN over none."""
    x = to_dtype(input, dtype)
    only_floating(x)
    axes = axes_of(dim, x.ndim)
    count = math.prod(x.shape[a] for a in axes)
    if count:
        return reduce.mean(x, axis=axes, keepdims=keepdim)
    return sum(x, dim, keepdim) / 0.0


@function("nanmean")
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over dim, NaN left out."""
    x = to_dtype(input, dtype)
    only_floating(x)
    counts = sum(rounding.logical_not(rounding.isnan(x)), dim, keepdim)
    return nansum(x, dim, keepdim) / cast(counts, dtype=x.dtype)


@function("prod")
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product along dim, or of all elements."""
    x = to_dtype(input, dtype)
    if dim is None:
        return scan.prod(reshape(x, shape=(-1,) if x.data.size else (0,)), axis=0)
    axis = axis_of(dim, x.ndim)
    if not x.ndim:
        return x * 1
    y = scan.prod(x, axis=axis)
    return unsqueezed(y, axis) if keepdim else y


def unsqueezed(x: Tensor, axis: int) -> Tensor:
    """With an axis of size 1 at this place."""
    return reshape(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


def _correction(unbiased: bool | None, correction: Any) -> float:
    if correction is None:
        return 1 if unbiased is None else int(unbiased)
    return correction


def _arranged(dim: Any, unbiased: Any) -> tuple[Any, Any]:
    """var(x, True) means unbiased, not dim 1."""
    return (None, dim) if isinstance(dim, bool) else (dim, unbiased)


@function("var")
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance over dim: Σ (x - mean)² / (n - correction), correction 1 unless given."""
    dim, unbiased = _arranged(dim, unbiased)
    only_floating(input)
    axes = axes_of(dim, input.ndim)
    count = math.prod(input.shape[a] for a in axes)
    apart = input - mean(input, dim, True)
    total = sum(elementwise.square(apart), dim, keepdim)
    return total / float(max(0, count - _correction(unbiased, correction)))


@function("std")
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The square root of the variance, with gradient 0 where it is 0."""
    return rooted(var(input, dim, unbiased, keepdim, correction=correction))


def rooted(x: Tensor) -> Tensor:
    """√x, with gradient 0 at 0."""
    is_zero = elementwise.eq(x, 0)
    return rounding.where(is_zero, 0.0, elementwise.sqrt(rounding.where(is_zero, 1.0, x)))


@function("var_mean")
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean."""
    y = var(input, dim, unbiased, keepdim, correction=correction)
    return y, mean(input, _arranged(dim, unbiased)[0], keepdim)


@function("std_mean")
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean."""
    y = std(input, dim, unbiased, keepdim, correction=correction)
    return y, mean(input, _arranged(dim, unbiased)[0], keepdim)


@function("amax")
def amax(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The largest elements over dim; ties share the gradient."""
    return reduce.amax(input, axis=axes_of(dim, input.ndim), keepdims=keepdim)


@function("amin")
def amin(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The smallest elements over dim; ties share the gradient."""
    return reduce.amin(input, axis=axes_of(dim, input.ndim), keepdims=keepdim)


@function("aminmax")
def aminmax(
    input: Tensor, *, dim: int | None = None, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """The smallest and the largest elements."""
    return amin(input, dim, keepdim), amax(input, dim, keepdim)


def value_and_places(x: Tensor, places: Tensor, axis: int, keepdim: bool) -> Found:
    """The elements at places, one along the axis."""
    tall = unsqueezed(places, axis)
    values = index.gather(x, tall, axis=axis)
    if keepdim:
        return Found(values, tall)
    return Found(reshape(values, shape=places.shape), places)


def _extreme(name: str, op: Any, place: Any, binary: Any) -> Any:
    def call(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        other = dim if isinstance(dim, Tensor) else other
        x = tensor_of(input)
        if other is not None:
            return binary(x, tensor_of(other, "other"))
        if dim is None:
            return op(x, axis=tuple(range(x.ndim)))
        axis = axis_of(dim, x.ndim)
        if not x.ndim:
            return Found(x * 1, Tensor(np.zeros((), np.int64)))
        return value_and_places(x, place(x, axis=axis), axis, keepdim)

    call.__doc__ = f"The {name} of all elements; or values and places along dim; or of two tensors."
    return function(name)(call)


largest = _extreme("max", reduce.amax, reduce.argmax, elementwise.maximum)


smallest = _extreme("min", reduce.amin, reduce.argmin, elementwise.minimum)


def _argument(name: str, op: Any) -> Any:
    def call(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        x = tensor_of(input)
        if dim is None:
            y = op(x)
            return reshape(y, shape=(1,) * x.ndim) if keepdim else y
        axis = axis_of(dim, x.ndim)
        y = op(x, axis=axis) if x.ndim else op(x)
        return unsqueezed(y, axis) if keepdim and x.ndim else y

    call.__doc__ = f"The place of the first extreme element; see {name}."
    return function(name)(call)


argmax = _argument("argmax", reduce.argmax)


argmin = _argument("argmin", reduce.argmin)


@function("logsumexp")
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log Σ exp(x) over dim."""
    axes = axes_of(dim, input.ndim)
    if input.dtype.kind in "biu":
        input = input.to("float32")
    if any(input.shape[a] == 0 for a in axes):
        return elementwise.log(sum(elementwise.exp(input), dim, keepdim))
    return reduce.logsumexp(input, axis=axes, keepdims=keepdim)


@function("all")
def every(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all elements over dim are true."""
    return reduce.all(input, axis=axes_of(dim, input.ndim), keepdims=keepdim)


@function("any")
def some(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether one of the elements over dim is true."""
    return reduce.any(input, axis=axes_of(dim, input.ndim), keepdims=keepdim)


@function("count_nonzero")
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements over dim are not zero."""
    return sum(elementwise.ne(input, 0), dim)
