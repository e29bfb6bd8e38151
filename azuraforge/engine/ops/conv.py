"""Convolution over images, as a product with the columns that a kernel sees.

Layouts are PyTorch's: x (batch, channels, height, width), w (out, channels, kernel height, width).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.errors import ShapeError

Pair = tuple[int, int]


def windows_of(
    size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair = (1, 1)
) -> Pair:
    """How many places a kernel has along height and width. Raises: ShapeError if it has none."""
    extent = extent_of(kernel, dilation)
    height, width = (
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, extent, stride, padding, strict=True)
    )
    if height < 1 or width < 1:
        spread = "" if extent == kernel else f" spread over {extent}"
        raise ShapeError(
            f"kernel {kernel}{spread} is larger than the padded input {size} + 2 * {padding}"
        )
    return height, width


def extent_of(kernel: Pair, dilation: Pair) -> Pair:
    """Height and width of a kernel whose elements are `dilation` apart."""
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


def padded(xp: Any, x: Array, padding: Pair, value: float = 0.0) -> Array:
    """x with a border of `value` around height and width; x itself where there is none."""
    rows, columns = padding
    if not rows and not columns:
        return x
    batch, channels, height, width = x.shape
    shape = (batch, channels, height + 2 * rows, width + 2 * columns)
    wide = xp.full(shape, value, x.dtype)
    wide[:, :, rows : rows + height, columns : columns + width] = x
    return wide


def _shape(x: Shape, w: Shape, b: Shape, stride: Pair, padding: Pair, dilation: Pair) -> Shape:
    if len(x) != 4 or len(w) != 4 or x[1] != w[1] or b != w[:1]:
        raise ShapeError(
            f"input {x}, weight {w}, bias {b}; allowed: (batch, channels, height, width), "
            "(out, channels, kernel height, kernel width), (out,)"
        )
    return (x[0], w[0], *windows_of(x[2:], w[2:], stride, padding, dilation))


def _columns(xp: Any, x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """What the kernel sees at each place. Shape: -> (batch, channels * kernel, places)"""
    windows = np.lib.stride_tricks if xp is np else xp.lib.stride_tricks
    extent = extent_of(kernel, dilation)
    seen = windows.sliding_window_view(padded(xp, x, padding), extent, axis=(2, 3))
    seen = seen[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    seen = seen.transpose(0, 1, 4, 5, 2, 3)
    batch, channels, rows, columns, height, width = seen.shape
    return seen.reshape(batch, channels * rows * columns, height * width)


def _forward(
    xp: Any, x: Array, w: Array, b: Array, y: Array, stride: Pair, padding: Pair, dilation: Pair
) -> None:
    columns = _columns(xp, x, w.shape[2:], stride, padding, dilation)
    flat = y.reshape(*y.shape[:2], -1)
    xp.matmul(w.reshape(len(w), -1), columns, out=flat)
    flat += b[:, None]


def _input_gradient(
    xp: Any, g: Array, w: Array, x_shape: Shape, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    (batch, channels, height, width), (rows, columns) = x_shape, w.shape[2:]
    places = g.shape[2:]
    parts = xp.matmul(w.reshape(len(w), -1).T, g.reshape(*g.shape[:2], -1))
    parts = parts.reshape(batch, channels, rows, columns, *places)
    (down, right), (top, left), (far_down, far_right) = stride, padding, dilation
    gx = xp.zeros((batch, channels, height + 2 * top, width + 2 * left), g.dtype)
    for i in range(rows):
        for j in range(columns):
            first = i * far_down, j * far_right
            rows_hit = slice(first[0], first[0] + down * places[0], down)
            columns_hit = slice(first[1], first[1] + right * places[1], right)
            gx[:, :, rows_hit, columns_hit] += parts[:, :, i, j]
    return gx[:, :, top : top + height, left : left + width]


def _weight_gradient(
    xp: Any, g: Array, x: Array, w_shape: Shape, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    columns = _columns(xp, x, (w_shape[2], w_shape[3]), stride, padding, dilation)
    per_image = xp.matmul(g.reshape(*g.shape[:2], -1), columns.swapaxes(1, 2))
    return per_image.sum(0).reshape(w_shape)


def _weight_gradient_by_taps(
    xp: Any, g: Array, x: Array, w_shape: Shape, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """The same from one product for each element of the kernel, all of them ops."""
    wide, (out, channels, rows, columns) = padded(xp, x, padding), w_shape
    (height, width), (down, right) = g.shape[2:], stride
    flat = g.transpose(1, 0, 2, 3).reshape(out, -1)
    taps = []
    for i in range(0, rows * dilation[0], dilation[0]):
        for j in range(0, columns * dilation[1], dilation[1]):
            hit = slice(i, i + down * height, down), slice(j, j + right * width, right)
            seen = wide[(slice(None), slice(None), *hit)]
            taps.append(flat @ seen.transpose(0, 2, 3, 1).reshape(-1, channels))
    return xp.stack(taps, axis=-1).reshape(w_shape)


conv2d = op(
    "conv2d(x, w, b, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1)) -> y",
    shape=_shape,
    forward=_forward,
    grads={
        "x": _input_gradient,
        "w": _weight_gradient,
        "b": lambda xp, g: g.sum((0, 2, 3)),
    },
    again={
        "x": _input_gradient,
        "w": _weight_gradient_by_taps,
        "b": lambda xp, g: g.sum((0, 2, 3)),
    },
    kernel="conv2d",
    samples=(
        Sample(normal(2, 3, 5, 6), normal(4, 3, 3, 3), normal(4)),
        Sample(normal(2, 1, 6, 5), normal(2, 1, 2, 3), normal(2), stride=(2, 1), padding=(1, 2)),
        Sample(normal(1, 2, 7, 7), normal(3, 2, 3, 3), normal(3), stride=(3, 2), padding=(1, 0)),
        Sample(normal(2, 3, 4, 4), normal(5, 3, 1, 1), normal(5)),
        Sample(1e4 * normal(1, 1, 4, 4), normal(1, 1, 3, 3), normal(1)),
        Sample(normal(2, 3, 7, 9), normal(2, 3, 3, 2), normal(2), dilation=(2, 3), stride=(1, 2)),
        Sample(  # conv1d, as wide as it is padded
            normal(2, 3, 1, 8), normal(4, 3, 1, 2), normal(4), padding=(0, 4), dilation=(1, 4)
        ),
    ),
)
