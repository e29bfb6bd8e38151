"""Pooling over images (batch, channels, height, width)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, distinct, normal
from azuraforge.engine.ops.window import even, inner, padded, taps, windows_of
from azuraforge.errors import ShapeError

Pair = tuple[int, int]
DENSE = (1, 1)


def _shape(x: Shape, kernel_size: Pair, stride: Pair, padding: Pair) -> Shape:
    if len(x) != 4:
        raise ShapeError(f"input {x}; allowed: (batch, channels, height, width)")
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ShapeError(f"padding {padding} is more than half the kernel {kernel_size}")
    return (*x[:2], *windows_of((x[2], x[3]), kernel_size, stride, even(padding), DENSE))


def _forward(xp: Any, x: Array, y: Array, kernel_size: Pair, stride: Pair, padding: Pair) -> None:
    wide = padded(xp, x, even(padding), -xp.inf)
    first, *rest = taps(kernel_size, stride, DENSE, y.shape[2:])
    xp.copyto(y, wide[first])
    for seen in rest:
        xp.maximum(y, wide[seen], out=y)  # NaN wins, and shows


def _gradient(
    xp: Any, g: Array, x: Array, y: Array, kernel_size: Pair, stride: Pair, padding: Pair
) -> Array:
    """To the first element of each window that is its maximum."""
    wide = padded(xp, x, even(padding), -xp.inf)
    gx, is_free = xp.zeros_like(wide), xp.ones(y.shape, bool)
    for seen in taps(kernel_size, stride, DENSE, y.shape[2:]):
        is_maximum = (wide[seen] == y) & is_free
        is_free ^= is_maximum
        gx[seen] += g * is_maximum
    return gx[inner(x.shape[2:], even(padding))]


max_pool2d = op(
    "max_pool2d(x, *, kernel_size, stride, padding=(0, 0)) -> y",
    shape=_shape,
    forward=_forward,
    grads={"x": _gradient},
    kernel="max_pool2d",
    samples=(
        Sample(distinct(2, 3, 4, 6), kernel_size=(2, 2), stride=(2, 2)),
        Sample(distinct(1, 2, 7, 7), kernel_size=(3, 2), stride=(2, 1), padding=(1, 1)),
        Sample(1e4 * distinct(1, 1, 5, 5), kernel_size=(3, 3), stride=(1, 1)),
    ),
)


def _adaptive_shape(x: Shape, output_size: Pair) -> Shape:
    if len(x) != 4 or not all(x[1:]) or min(output_size) < 1:
        raise ShapeError(
            f"input {x}, output size {output_size}; allowed: (batch, channels, height, width), "
            "sizes of at least 1"
        )
    return (*x[:2], *output_size)


def _regions(size: Shape, places: Shape) -> Iterator[tuple[Any, Any, int]]:
    """For each place of the output its index, the slices of x that it averages, and their area."""
    for i in range(places[0]):
        top, bottom = i * size[0] // places[0], -(-(i + 1) * size[0] // places[0])
        for j in range(places[1]):
            left, right = j * size[1] // places[1], -(-(j + 1) * size[1] // places[1])
            seen = (..., slice(top, bottom), slice(left, right))
            yield (..., i, j), seen, (bottom - top) * (right - left)


def _adaptive_forward(xp: Any, x: Array, y: Array) -> None:
    for place, seen, _ in _regions(x.shape[2:], y.shape[2:]):
        y[place] = x[seen].mean((2, 3))


def _adaptive_gradient(xp: Any, g: Array, x_shape: Shape) -> Array:
    gx = xp.zeros(x_shape, g.dtype)
    for place, seen, area in _regions(x_shape[2:], g.shape[2:]):
        gx[seen] += g[place][..., None, None] / area
    return gx


adaptive_avg_pool2d = op(
    "adaptive_avg_pool2d(x, *, output_size) -> y",
    shape=_adaptive_shape,
    forward=_adaptive_forward,
    grads={"x": _adaptive_gradient},
    kernel="adaptive_avg_pool2d",
    samples=(
        Sample(normal(2, 3, 4, 6), output_size=(1, 1)),
        Sample(normal(2, 3, 4, 6), output_size=(2, 3)),
        Sample(normal(1, 2, 5, 7), output_size=(3, 4)),  # regions overlap
        Sample(normal(1, 2, 2, 3), output_size=(4, 3)),  # larger than the input
        Sample(1e4 * normal(1, 2, 3, 3), output_size=(1, 1)),
    ),
)
