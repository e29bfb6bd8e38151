"""Sums over windows, and windows as columns; each beside the op that undoes it.

Both pairs are linear, and each op of a pair is the gradient of the other.
"""

from __future__ import annotations

import math
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.engine.ops.window import (
    Widths,
    columns,
    even,
    inner,
    overlapped,
    padded,
    taps,
    windows_of,
)
from azuraforge.errors import ShapeError


def _dense(kernel: Shape) -> Shape:
    return (1,) * len(kernel)


def _sum(xp: Any, x: Array, y: Array, kernel: Shape, stride: Shape, widths: Widths) -> None:
    wide = padded(xp, x, widths)
    y[...] = 0
    for seen in taps(kernel, stride, _dense(kernel), y.shape[2:]):
        y += wide[seen]


def _spread(xp: Any, x: Array, y: Array, kernel: Shape, stride: Shape, widths: Widths) -> None:
    size = y.shape[2:]
    wide_size = tuple(n + a + b for n, (a, b) in zip(size, widths, strict=True))
    wide = xp.zeros((*y.shape[:2], *wide_size), y.dtype)
    for seen in taps(kernel, stride, _dense(kernel), x.shape[2:]):
        wide[seen] += x
    y[...] = wide[inner(size, widths)]


window_sum: Op = op(
    "window_sum(x, *, kernel, stride, widths) -> y",
    shape=lambda x, kernel, stride, widths: (
        *x[:2], *windows_of(x[2:], kernel, stride, widths, _dense(kernel)),
    ),
    forward=_sum,
    grads={
        "x": lambda xp, g, x_shape, kernel, stride, widths: window_spread(
            g, size=x_shape[2:], kernel=kernel, stride=stride, widths=widths
        )
    },
    samples=(
        Sample(normal(2, 3, 5, 6), kernel=(2, 3), stride=(2, 2), widths=((1, 1), (0, 2))),
        Sample(normal(1, 2, 4), kernel=(3,), stride=(1,), widths=((0, 0),)),
    ),
)  # fmt: skip

window_spread: Op = op(
    "window_spread(x, *, size, kernel, stride, widths) -> y",
    shape=lambda x, size: (*x[:2], *size),
    forward=_spread,
    grads={
        "x": lambda xp, g, kernel, stride, widths: window_sum(
            g, kernel=kernel, stride=stride, widths=widths
        )
    },
    samples=(
        Sample(normal(2, 1, 3), size=(5,), kernel=(2,), stride=(2,), widths=((1, 0),)),
    ),
)  # fmt: skip


def _column_shape(x: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Shape:
    if len(x) != len(kernel) + 2:
        raise ShapeError(f"input {x}, kernel {kernel}; allowed: (batch, channels, …), as many axes")
    places = windows_of(x[2:], kernel, stride, even(padding), dilation)
    return (x[0], x[1] * math.prod(kernel), math.prod(places))


def _columns(
    xp: Any, x: Array, y: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
) -> None:
    seen = columns(xp, padded(xp, x, even(padding)), kernel, stride, dilation)
    y[...] = seen.reshape(y.shape)


def _image_shape(
    x: Shape, size: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
) -> Shape:
    places = windows_of(size, kernel, stride, even(padding), dilation)
    elements = math.prod(kernel)
    if len(x) != 3 or x[1] % elements or x[2] != math.prod(places):
        raise ShapeError(
            f"input {x}, output size {size}, kernel {kernel}; allowed: (batch, channels * "
            f"{elements}, {math.prod(places)})"
        )
    return (x[0], x[1] // elements, *size)


def _image(
    xp: Any, x: Array, y: Array, size: Shape, kernel: Shape, stride: Shape, padding: Shape,
    dilation: Shape,
) -> None:  # fmt: skip
    widths = even(padding)
    places = windows_of(size, kernel, stride, widths, dilation)
    parts = x.reshape(*y.shape[:2], math.prod(kernel), x.shape[2])
    y[...] = overlapped(xp, parts, size, places, kernel, stride, widths, dilation)


unfold: Op = op(
    "unfold(x, *, kernel, stride, padding, dilation) -> y",
    shape=_column_shape,
    forward=_columns,
    grads={
        "x": lambda xp, g, x_shape, kernel, stride, padding, dilation: fold(
            g, size=x_shape[2:], kernel=kernel, stride=stride, padding=padding, dilation=dilation
        )
    },
    samples=(
        Sample(normal(2, 3, 5, 6), kernel=(2, 3), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
    ),
)

fold: Op = op(
    "fold(x, *, size, kernel, stride, padding, dilation) -> y",
    shape=_image_shape,
    forward=_image,
    grads={
        "x": lambda xp, g, kernel, stride, padding, dilation: unfold(
            g, kernel=kernel, stride=stride, padding=padding, dilation=dilation
        )
    },
    samples=(
        Sample(
            normal(2, 6, 12), size=(4, 4), kernel=(3, 2), stride=(1, 2), padding=(1, 1),
            dilation=(1, 1),
        ),
    ),
)  # fmt: skip
