"""Convolution over images, with a bias: what layers of one group use, and has a kernel.

Layouts are PyTorch's: x (batch, channels, height, width), w (out, channels, kernel height, width).
"""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.convolution import convolve, correlate, spread
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.engine.ops.window import even, padded, taps, windows_of
from azuraforge.errors import ShapeError

Pair = tuple[int, int]


def _shape(x: Shape, w: Shape, b: Shape, stride: Pair, padding: Pair, dilation: Pair) -> Shape:
    if len(x) != 4 or len(w) != 4 or x[1] != w[1] or b != w[:1]:
        raise ShapeError(
            f"input {x}, weight {w}, bias {b}; allowed: (batch, channels, height, width), "
            "(out, channels, kernel height, kernel width), (out,)"
        )
    return (x[0], w[0], *windows_of(x[2:], w[2:], stride, even(padding), dilation))


def _input_gradient(
    xp: Any, g: Array, w: Array, x_shape: Shape, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    return spread(xp, g, w, x_shape[2:], stride, padding, dilation)


def _weight_gradient(
    xp: Any, g: Array, x: Array, w_shape: Shape, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    return correlate(xp, x, g, w_shape[2:], stride, padding, dilation)


def _forward(
    xp: Any, x: Array, w: Array, b: Array, y: Array, stride: Pair, padding: Pair, dilation: Pair
) -> None:
    convolve(xp, x, w, y, stride, padding, dilation)
    y += b[:, None, None]


def _weight_gradient_by_taps(
    xp: Any, g: Array, x: Array, w_shape: Shape, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """The same from one product for each element of the kernel, all of them ops."""
    wide, (out, channels, *kernel) = padded(xp, x, even(padding)), w_shape
    flat = g.transpose(1, 0, 2, 3).reshape(out, -1)
    found = [
        flat @ wide[seen].transpose(0, 2, 3, 1).reshape(-1, channels)
        for seen in taps(tuple(kernel), stride, dilation, g.shape[2:])
    ]
    return xp.stack(found, axis=-1).reshape(w_shape)


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
