"""Ops over whole axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.emit.shape import whole
from azuraforge.interop.onnx.emit.table import EMITTERS, emits
from azuraforge.interop.onnx.writer import Slot, Writer


def _reduced(op: str) -> Callable[..., Slot]:
    def emit(to: Writer, x: Slot, *, axis: Any, _y: Array, keepdims: bool = False) -> Slot:
        """As one number over no axes, where there are none."""
        if x.dtype.kind == "b":
            x = to.cast(x, np.int64)
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        if not x.ndim:
            return to.cast(to("Identity", x), _y.dtype)
        made = to(
            op,
            to.cast(x, x.dtype if op in SAME else _y.dtype),
            whole(list(axes)),
            keepdims=int(keepdims),
        )
        return to.cast(Slot(made.name, _y.shape, made.dtype if op in SAME else _y.dtype), _y.dtype)

    return emit


SAME = ("ReduceMax", "ReduceMin")  # in the type of what they are given
EMITTERS.update(
    sum=_reduced("ReduceSum"),
    mean=_reduced("ReduceMean"),
    prod=_reduced("ReduceProd"),
    amax=_reduced("ReduceMax"),
    amin=_reduced("ReduceMin"),
    logsumexp=_reduced("ReduceLogSumExp"),
    any=_reduced("ReduceMax"),
    all=_reduced("ReduceMin"),
)


def _place(op: str) -> Callable[..., Slot]:
    def emit(to: Writer, x: Slot, *, axis: int | None) -> Slot:
        if axis is None:
            x, axis = to("Reshape", x, whole([-1])), 0
        return to(op, x, axis=axis, keepdims=0)

    return emit


EMITTERS.update(argmax=_place("ArgMax"), argmin=_place("ArgMin"))


def _along(op: str) -> Callable[..., Slot]:
    def emit(to: Writer, x: Slot, *, axis: int) -> Slot:
        if x.ndim:
            return to(op, x, axis=axis)
        alone = to(op, to("Reshape", x, whole([1])), axis=0)
        return to("Reshape", alone, whole([]))

    return emit


EMITTERS.update(softmax=_along("Softmax"), log_softmax=_along("LogSoftmax"))


@emits("cumsum")
def cumsum(to: Writer, x: Slot, *, axis: int, _y: Array) -> Slot:
    return to("CumSum", to.cast(x, _y.dtype), np.asarray(axis, np.int64))


@emits("argsort")
def argsort(to: Writer, x: Slot, *, axis: int, descending: bool) -> Slot:
    count = whole([x.shape[axis]])
    _, places = to.several("TopK", [x, count], 2, axis=axis, largest=int(descending))
    return places


@emits("window_sum")
def window_sum(to: Writer, x: Slot, *, kernel: Any, stride: Any, widths: Any) -> Slot:
    """The mean of each window, of which the border is part, times their number of elements."""
    pads = [before for before, _ in widths] + [after for _, after in widths]
    mean = to(
        "AveragePool", x, kernel_shape=list(kernel), strides=list(stride), pads=pads,
        count_include_pad=1,
    )  # fmt: skip
    return to("Mul", mean, to.constant(float(np.prod(kernel)), x.dtype))


@emits("max_pool2d")
def max_pool2d(to: Writer, x: Slot, *, kernel_size: Any, stride: Any, padding: Any) -> Slot:
    return to(
        "MaxPool", x, kernel_shape=list(kernel_size), strides=list(stride), pads=[*padding] * 2
    )


@emits("largest_places")
def largest_places(
    to: Writer, x: Slot, *, kernel: Any, stride: Any, widths: Any, dilation: Any
) -> Slot:
    """ONNX counts places in the whole of x, we in the plane of each channel."""
    pads = [before for before, _ in widths] + [after for _, after in widths]
    _, places = to.several(
        "MaxPool", [x], 2, kernel_shape=list(kernel), strides=list(stride), pads=pads,
        dilations=list(dilation),
    )  # fmt: skip
    return to("Mod", places, np.asarray(np.prod(x.shape[2:]), np.int64))


@emits("adaptive_largest_places")
def adaptive_largest_places(to: Writer, x: Slot, *, size: Any) -> Slot:
    """Raises: ConfigError for regions of different sizes, which no pooling of ONNX's has."""
    if any(n % m for n, m in zip(x.shape[2:], size, strict=True)):
        raise ConfigError(f"to a size of {tuple(size)} has no counterpart; allowed: divisors")
    kernel = tuple(n // m for n, m in zip(x.shape[2:], size, strict=True))
    none, dense = ((0, 0),) * len(kernel), (1,) * len(kernel)
    return largest_places(to, x, kernel=kernel, stride=kernel, widths=none, dilation=dense)


@emits("adaptive_avg_pool2d")
def adaptive_avg_pool2d(to: Writer, x: Slot, *, output_size: Any) -> Slot:
    """Along each axis a matrix of shares."""
    if tuple(output_size) == (1, 1):
        return to("GlobalAveragePool", x)
    rows, columns = (_shares(n, m) for n, m in zip(x.shape[2:], output_size, strict=True))
    wide = to("MatMul", to.constant(rows, x.dtype), x)
    return to("MatMul", wide, to.constant(columns.T, x.dtype))


def _shares(size: int, places: int) -> Array:
    shares = np.zeros((places, size))
    for i in range(places):
        begin, end = i * size // places, -(-(i + 1) * size // places)
        shares[i, begin:end] = 1 / (end - begin)
    return shares


@emits("resample")
def resample(to: Writer, x: Slot, *, axis: int, taps: Any) -> Slot:
    """A matrix of weights on one axis."""
    weights = np.zeros((len(taps.places), x.shape[axis]))
    np.add.at(weights, (np.arange(len(weights))[:, None], taps.places), taps.weights)
    order = [i for i in range(x.ndim) if i != axis % x.ndim] + [axis % x.ndim]
    turned = to("Transpose", x, perm=order)
    y = to("MatMul", turned, to.constant(weights.T, x.dtype))
    return to("Transpose", y, perm=[int(i) for i in np.argsort(order)])
