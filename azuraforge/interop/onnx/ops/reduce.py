"""Sums, extremes and other numbers of whole axes; their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.tensor import Tensor
from azuraforge.interop.onnx.converter import converter

Axes = tuple[int, ...]


def _log_sum(x: Tensor, axes: Axes, keep: bool) -> Any:
    return az.log(az.sum(x, axes, keep))


def _in_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """For whole numbers through float64, and back."""

    def apply(x: Tensor, axes: Axes, keep: bool) -> Any:
        if x.dtype.kind == "f":
            return function(x, axes, keep)
        return function(x.to("float64"), axes, keep).to(x.dtype)

    return apply


def _of_truth(function: Callable[..., Any]) -> Callable[..., Any]:
    """For truth values through whole numbers; of no numbers at all what comes first."""

    def apply(x: Tensor, axes: Axes, keep: bool) -> Any:
        if x.dtype.kind == "b":
            return (az.any if function is az.amax else az.all)(x, axes, keep)
        if 0 in x.shape:
            return _of_nothing(x, axes, keep, is_max=function is az.amax)
        return function(x, axes, keep)

    return apply


def _of_nothing(x: Tensor, axes: Axes, keep: bool, *, is_max: bool) -> Any:
    info = np.finfo(x.dtype) if x.dtype.kind == "f" else np.iinfo(x.dtype)
    worst = info.min if is_max else info.max
    if x.dtype.kind == "f":
        worst = -np.inf if is_max else np.inf
    shape = np.sum(np.empty(x.shape, np.bool_), axis=axes, keepdims=keep).shape
    return Tensor(np.full(shape, worst, x.dtype))


def _sum(x: Tensor, axes: Axes, keep: bool) -> Any:
    return az.sum(x, axes, keep, dtype=x.dtype)


def _prod(x: Tensor, axes: Axes, keep: bool) -> Any:
    for axis in sorted(axes, reverse=True):
        x = az.prod(x, axis, keep, dtype=x.dtype)
    return x


REDUCTIONS: dict[str, Callable[[Tensor, Axes, bool], Any]] = {
    "ReduceL1": lambda x, axes, keep: _sum(az.abs(x), axes, keep),
    "ReduceL2": _in_floats(lambda x, axes, keep: az.sqrt(az.sum(x * x, axes, keep))),
    "ReduceLogSum": _in_floats(_log_sum),
    "ReduceLogSumExp": _in_floats(az.logsumexp),
    "ReduceMax": _of_truth(az.amax),
    "ReduceMean": _in_floats(az.mean),
    "ReduceMin": _of_truth(az.amin),
    "ReduceProd": _prod,
    "ReduceSum": _sum,
    "ReduceSumSquare": lambda x, axes, keep: _sum(x * x, axes, keep),
}


def _by_attribute(reduction: Callable[[Tensor, Axes, bool], Any]) -> Callable[..., Any]:
    def reduce(x: Tensor, *, axes: list[int] | None = None, keepdims: int = 1) -> Any:
        found = tuple(range(x.ndim)) if axes is None else tuple(axis % x.ndim for axis in axes)
        return reduction(x, found, bool(keepdims))

    return reduce


def _by_input(reduction: Callable[[Tensor, Axes, bool], Any]) -> Callable[..., Any]:
    def reduce(
        x: Tensor, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Any:
        if axes is None or not len(axes):
            found: Axes = () if noop_with_empty_axes else tuple(range(x.ndim))
        else:
            found = tuple(int(axis) % x.ndim for axis in axes)
        return reduction(x, found, bool(keepdims)) if found else _each(reduction, x)

    return reduce


def _each(reduction: Callable[[Tensor, Axes, bool], Any], x: Tensor) -> Any:
    """Every number reduced by itself: its absolute value, its square."""
    return reduction(az.unsqueeze(x, 0), (0,), False)


for _name, _reduction in REDUCTIONS.items():
    converter(_name)(_by_attribute(_reduction))
    converter(_name, since=13 if _name == "ReduceSum" else 18, host="axes")(_by_input(_reduction))


def _argument(function: Callable[..., Any]) -> Callable[..., Any]:
    def place(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Any:
        if not select_last_index:
            return function(x, axis, bool(keepdims))
        return x.shape[axis] - 1 - function(az.flip(x, axis), axis, bool(keepdims))

    return place


converter("ArgMax")(_argument(az.argmax))
converter("ArgMin")(_argument(az.argmin))


@converter("TopK")
def top_k_attribute(x: Tensor, *, k: int, axis: int = -1) -> Any:
    return top_k(x, np.asarray([k]), axis=axis)


@converter("TopK", since=10, host="k")
def top_k(x: Tensor, k: Any, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> Any:
    """Of equal numbers the first."""
    places = az.argsort(x, axis, descending=bool(largest), stable=True)
    places = places.narrow(axis % x.ndim, 0, int(np.asarray(k).item()))
    return az.gather(x, axis % x.ndim, places), places


@converter("Unique", since=11)
def unique(x: Tensor, *, axis: int | None = None, sorted: int = 1) -> Any:
    found = np.unique(
        x.detach().numpy(), return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    values, first, inverse, counts = found
    if not sorted:  # in the order in which they come
        order = np.argsort(first)
        values = np.take(values, order, axis=0 if axis is None else axis)
        first, counts, inverse = first[order], counts[order], np.argsort(order)[inverse]
    return tuple(map(Tensor, (values, first, inverse.reshape(-1), counts)))


@converter("NonZero", since=9)
def non_zero(x: Tensor) -> Any:
    return Tensor(np.stack(np.nonzero(x.detach().numpy())).astype(np.int64))
