"""Convolution of each channel by itself: element by element of the kernel, without columns.

x (batch, channels, *size), w (channels * times, 1, *kernel): each channel gives `times` results.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.window import even, inner, padded, taps


def suits(channels: int, groups: int) -> bool:
    """Whether each group has one channel, and there is more than one."""
    return groups > 1 and channels == groups


def convolve(
    xp: Any, x: Array, w: Array, y: Array, stride: Shape, padding: Shape, dilation: Shape
) -> None:
    wide = padded(xp, x, even(padding))[:, :, None]
    result = _parted(y, x.shape[1])
    result[...] = 0
    for seen, factor in _elements(w, x.shape[1], stride, dilation, y.shape[2:]):
        result += wide[seen] * factor


def spread(
    xp: Any, g: Array, w: Array, size: Shape, stride: Shape, padding: Shape, dilation: Shape,
    groups: int,
) -> Array:  # fmt: skip
    """What each place of g has given to the places its kernel saw."""
    widths = even(padding)
    wide_size = tuple(n + a + b for n, (a, b) in zip(size, widths, strict=True))
    wide = xp.zeros((len(g), groups, *wide_size), g.dtype)
    parts = _parted(g, groups)
    for seen, factor in _elements(w, groups, stride, dilation, g.shape[2:]):
        wide[seen] += (parts * factor).sum(2)
    return wide[inner(size, widths)]


def correlate(
    xp: Any, x: Array, g: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
) -> Array:
    """How x and g go together at each element of the kernel. Shape: -> that of the weight"""
    wide = padded(xp, x, even(padding))[:, :, None]
    parts = _parted(g, x.shape[1])
    axes = (0, *range(3, parts.ndim))
    found = [(wide[seen] * parts).sum(axes) for seen in taps(kernel, stride, dilation, g.shape[2:])]
    return xp.stack(found, axis=-1).reshape(g.shape[1], 1, *kernel)


def _parted(y: Array, channels: int) -> Array:
    """Results apart by the channel they are of. Shape: -> (batch, channels, times, …)"""
    return y.reshape(len(y), channels, y.shape[1] // channels, *y.shape[2:])


def _elements(
    w: Array, channels: int, stride: Shape, dilation: Shape, places: Shape
) -> Iterator[tuple[Any, Array]]:
    """What each element of the kernel meets, and its weights as they broadcast over that."""
    kernel = w.shape[2:]
    flat = w.reshape(channels, len(w) // channels, -1)
    ones = (1,) * len(kernel)
    for number, seen in enumerate(taps(kernel, stride, dilation, places)):
        yield seen, flat[:, :, number].reshape(*flat.shape[:2], *ones)
