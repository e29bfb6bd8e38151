"""Reductions, running reductions, order and statistics."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from azuraforge.engine.functions.function import (
    FUNCTIONS,
    alias,
    axes_of,
    axis_of,
    function,
    tensor_of,
)
from azuraforge.engine.ops import elementwise, index, reduce, rounding, scan
from azuraforge.engine.ops import sort as order
from azuraforge.engine.ops.shape import cast, cat, getitem, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError


class Found(NamedTuple):
    """Elements, and their places along the axis."""

    values: Any
    indices: Any


def _typed(input: Tensor, dtype: Any) -> Tensor:
    return tensor_of(input) if dtype is None else tensor_of(input).to(dtype)


def _floating(input: Tensor) -> None:
    if tensor_of(input).dtype.kind not in "fc":
        raise DTypeError(
            f"element type {input.dtype}; allowed: floating types; convert with .to('float32')"
        )


@function("sum")
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over dim, or over all elements."""
    x = _typed(input, dtype)
    return reduce.sum(x, axis=axes_of(dim, x.ndim), keepdims=keepdim)


@function("nansum")
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over dim, NaN left out."""
    x = _typed(input, dtype)
    return sum(rounding.where(rounding.isnan(x), 0, x), dim, keepdim)


@function("mean")
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over dim, or over all elements; NaN over none."""
    x = _typed(input, dtype)
    _floating(x)
    axes = axes_of(dim, x.ndim)
    count = math.prod(x.shape[a] for a in axes)
    if count:
        return reduce.mean(x, axis=axes, keepdims=keepdim)
    return sum(x, dim, keepdim) / 0.0


@function("nanmean")
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over dim, NaN left out."""
    x = _typed(input, dtype)
    _floating(x)
    counts = sum(rounding.logical_not(rounding.isnan(x)), dim, keepdim)
    return nansum(x, dim, keepdim) / cast(counts, dtype=x.dtype)


@function("prod")
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product along dim, or of all elements."""
    x = _typed(input, dtype)
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
    _floating(input)
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


def _placed(x: Tensor, places: Tensor, axis: int, keepdim: bool) -> Found:
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
        return _placed(x, place(x, axis=axis), axis, keepdim)

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


def _running(name: str, op: Any, text: str) -> Any:
    def call(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
        x = _typed(input, dtype)
        axis = axis_of(dim, x.ndim)
        return op(x, axis=axis) if x.ndim else x * 1

    call.__doc__ = text
    return function(name)(call)


cumsum = _running("cumsum", scan.cumsum, "Running sums along dim.")
cumprod = _running("cumprod", scan.cumprod, "Running products along dim.")
logcumsumexp = _running("logcumsumexp", scan.logcumsumexp, "log of running sums of exp along dim.")


def _running_extreme(name: str, places: Any) -> Any:
    def call(input: Tensor, dim: int) -> Found:
        axis = axis_of(dim, input.ndim)
        if not input.ndim:
            return Found(input * 1, Tensor(np.zeros((), np.int64)))
        found = places(input, axis=axis)
        return Found(index.gather(input, found, axis=axis), found)

    call.__doc__ = "Running extremes along dim, and their places."
    return function(name)(call)


cummax = _running_extreme("cummax", scan.cummax_places)
cummin = _running_extreme("cummin", scan.cummin_places)


@function("argsort")
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The places that would bring the elements in order; equal ones stay in theirs."""
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        return Tensor(np.zeros((), np.int64))
    return order.argsort(input, axis=axis, descending=descending)


@function("sort")
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None
) -> Found:
    """The elements in order along dim, and their places."""
    places = argsort(input, dim, descending)
    if not input.ndim:
        return Found(input * 1, places)
    return Found(index.gather(input, places, axis=dim), places)


@function("msort")
def msort(input: Tensor) -> Tensor:
    """The elements in order along the first axis."""
    return sort(input, 0).values


@function("topk")
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
    """The k largest elements along dim, and their places."""
    axis = axis_of(dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= size:
        raise ShapeError(f"k is {k}; allowed: 0 to {size}, the size of dim {dim}")
    if not input.ndim:
        return Found(input * 1, Tensor(np.zeros((), np.int64)))
    places = scan.part(order.argsort(input, axis=axis, descending=largest), axis, 0, k)
    return Found(index.gather(input, places, axis=axis), places)


def _ranked(input: Tensor, rank: int, axis: int, keepdim: bool) -> Found:
    """The element of this rank along an axis."""
    places = order.argsort(input, axis=axis)
    return _placed(input, getitem(places, index=(*(slice(None),) * axis, rank)), axis, keepdim)


@function("kthvalue")
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Found:
    """The k-th smallest element along dim, counted from 1, and its place."""
    axis = axis_of(dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if not 1 <= k <= size:
        raise ShapeError(f"k is {k}; allowed: 1 to {size}, the size of dim {dim}")
    if not input.ndim:
        return Found(input * 1, Tensor(np.zeros((), np.int64)))
    return _ranked(input, k - 1, axis, keepdim)


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
    return _placed(input, reshape(place, shape=flat), axis, keepdim)


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
    return _placed(input, order.mode_place(input, axis=axis), axis, keepdim)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    input: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, *, skips_nan: bool
) -> Tensor:
    if interpolation not in INTERPOLATIONS:
        raise ConfigError(f"interpolation is {interpolation!r}; allowed: {INTERPOLATIONS}")
    _floating(input)
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


@function("diff")
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours along dim, n times."""
    if n < 0:
        raise ConfigError(f"n is {n}; allowed: at least 0")
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    axis = axis_of(dim, input.ndim)
    if not n:
        return input * 1
    parts = [x for x in (prepend, input, append) if x is not None]
    x = cat(*parts, axis=axis) if len(parts) > 1 else input
    for _ in range(n):
        size = x.shape[axis]
        if not size:
            return x
        later, earlier = scan.part(x, axis, 1, None), scan.part(x, axis, 0, size - 1)
        x = rounding.logical_xor(later, earlier) if x.dtype == np.bool_ else later - earlier
    return x


def _spacing(y: Tensor, x: Tensor | None, dx: Any, axis: int) -> Any:
    if x is None:
        return 1.0 if dx is None else dx
    steps = diff(x, dim=-1 if x.ndim == 1 else axis)
    if x.ndim == 1:
        return reshape(steps, shape=(-1, *(1,) * (y.ndim - axis - 1)))
    return steps


def _trapezoids(y: Tensor, x: Tensor | None, dx: Any, axis: int) -> Tensor:
    size = y.shape[axis]
    both = scan.part(y, axis, 1, None) + scan.part(y, axis, 0, max(0, size - 1))
    return both * 0.5 * _spacing(y, x, dx, axis)


@function("trapezoid")
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral along dim by trapezoids, at places x or dx apart."""
    axis = axis_of(dim, y.ndim)
    return reduce.sum(_trapezoids(y, x, dx, axis), axis=axis - y.ndim)


alias("trapz", of="trapezoid")


@function("cumulative_trapezoid")
def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1
) -> Tensor:
    """The running integral along dim by trapezoids."""
    axis = axis_of(dim, y.ndim)
    return scan.cumsum(_trapezoids(y, x, dx, axis), axis=axis - y.ndim)


@function("cov")
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariances of variables in rows."""
    if input.ndim > 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at most 2 dimensions")
    x = reshape(input, shape=(1, -1)) if input.ndim < 2 else input
    count = x.shape[1]
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None and given.shape != (count,):
            raise ShapeError(f"{name} {given.shape}; allowed: ({count},), one per observation")
    if fweights is not None and fweights.dtype.kind not in "iu":
        raise DTypeError(f"fweights is {fweights.dtype}; allowed: whole numbers")
    if aweights is not None and aweights.dtype.kind != "f":
        raise DTypeError(f"aweights is {aweights.dtype}; allowed: floating numbers")
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None and bool((given.data < 0).any()):
            raise ConfigError(f"{name} holds negative weights; allowed: at least 0")
    weights = [cast(w, dtype=x.dtype) for w in (fweights, aweights) if w is not None]
    w: Any = weights[0] if weights else None
    for more in weights[1:]:
        w = w * more
    total: Any = float(count) if w is None else reduce.sum(w)
    middle = mean(x, 1, True) if w is None else sum(x * w, 1, True) / total
    if w is None or aweights is None or not correction:
        norm = total - correction
    else:
        norm = total - correction * reduce.sum(w * cast(aweights, dtype=x.dtype)) / total
    norm = rounding.clamp_min(norm, 0.0) if isinstance(norm, Tensor) else max(norm, 0.0)
    apart = x - middle
    other = apart if w is None else apart * w
    y = (other @ apart.T) / norm
    return reshape(y, shape=()) if y.shape == (1, 1) else y


@function("corrcoef")
def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables in rows."""
    c = cov(input)
    if not c.ndim:
        return c / c
    d = elementwise.sqrt(FUNCTIONS["diagonal"](c))
    y = c / reshape(d, shape=(-1, 1)) / d
    return rounding.clamp(y, -1.0, 1.0)


@function("renorm")
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The input with every part along dim scaled down to a p-norm of at most maxnorm."""
    if input.ndim < 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at least 2 dimensions")
    if p <= 0:
        raise ConfigError(f"p is {p}; allowed: above 0")
    if maxnorm < 0:
        raise ConfigError(f"maxnorm is {maxnorm}; allowed: at least 0")
    axis = axis_of(dim, input.ndim)
    others = [i for i in range(input.ndim) if i != axis]
    norms = FUNCTIONS["linalg.vector_norm"](input, p, others, True)
    factors = rounding.where(elementwise.gt(norms, maxnorm), maxnorm / (norms + 1e-7), 1.0)
    return input * factors
