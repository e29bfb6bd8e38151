"""Pooling over images (batch, channels, height, width)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.conv import Pair, padded, windows_of
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, distinct
from azuraforge.errors import ShapeError


def _shape(x: Shape, kernel_size: Pair, stride: Pair, padding: Pair) -> tuple[Shape, Shape]:
    if len(x) != 4:
        raise ShapeError(f"input {x}; allowed: (batch, channels, height, width)")
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ShapeError(f"padding {padding} is more than half the kernel {kernel_size}")
    shape = (*x[:2], *windows_of(x[2:], kernel_size, stride, padding))
    return shape, shape


def _places(kernel_size: Pair, stride: Pair, places: Shape) -> Iterator[tuple[int, Any]]:
    """For each element of the kernel its number, and the slices of x it meets."""
    for k in range(kernel_size[0] * kernel_size[1]):
        i, j = divmod(k, kernel_size[1])
        down = slice(i, i + stride[0] * places[0], stride[0])
        right = slice(j, j + stride[1] * places[1], stride[1])
        yield k, (slice(None), slice(None), down, right)


def _forward(
    xp: Any, x: Array, y: Array, _index: Array, kernel_size: Pair, stride: Pair, padding: Pair
) -> None:
    wide = padded(xp, x, padding, -xp.inf)
    y.fill(-xp.inf)
    _index.fill(0)
    for k, seen in _places(kernel_size, stride, y.shape[2:]):
        value = wide[seen]
        better = (value > y) | (value != value)  # NaN wins, and shows
        xp.copyto(y, value, where=better)
        _index[better] = k


def _gradient(
    xp: Any, g: Array, _index: Array, x_shape: Shape,
    kernel_size: Pair, stride: Pair, padding: Pair,
) -> Array:  # fmt: skip
    (batch, channels, height, width), (top, left) = x_shape, padding
    gx = xp.zeros((batch, channels, height + 2 * top, width + 2 * left), g.dtype)
    for k, seen in _places(kernel_size, stride, g.shape[2:]):
        gx[seen] += g * (_index == k)
    return gx[:, :, top : top + height, left : left + width]


max_pool2d = op(
    "max_pool2d(x, *, kernel_size, stride, padding=(0, 0)) -> y, _index",
    shape=_shape,
    forward=_forward,
    grads={"x": _gradient},
    dtypes={"_index": lambda: "uint8"},
    samples=(
        Sample(distinct(2, 3, 4, 6), kernel_size=(2, 2), stride=(2, 2)),
        Sample(distinct(1, 2, 7, 7), kernel_size=(3, 2), stride=(2, 1), padding=(1, 1)),
        Sample(1e4 * distinct(1, 1, 5, 5), kernel_size=(3, 3), stride=(1, 1)),
    ),
)
