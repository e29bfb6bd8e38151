"""Windows that move over the axes behind (batch, channels): their places, and what they see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.ops.op import Shape
from azuraforge.errors import ShapeError

Widths = Sequence[tuple[int, int]]  # before and after each axis


def extent_of(kernel: Shape, dilation: Shape) -> Shape:
    """The sizes of a kernel whose elements are `dilation` apart."""
    return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))


def windows_of(size: Shape, kernel: Shape, stride: Shape, widths: Widths, dilation: Shape) -> Shape:
    """How many places a kernel has along each axis. Raises: ShapeError if it has none."""
    if min((*stride, *dilation, *kernel)) < 1 or any(min(pair) < 0 for pair in widths):
        raise ShapeError(
            f"kernel {kernel}, stride {stride}, padding {_told(widths)}, dilation {dilation}; "
            "allowed: at least 1, padding at least 0"
        )
    extent = extent_of(kernel, dilation)
    places = tuple(
        (n + a + b - k) // s + 1
        for n, k, s, (a, b) in zip(size, extent, stride, widths, strict=True)
    )
    if any(n < 1 for n in places):
        spread = "" if extent == tuple(kernel) else f" spread over {extent}"
        raise ShapeError(
            f"kernel {kernel}{spread} is larger than the input {size} with padding {_told(widths)}"
        )
    return places


def _told(widths: Widths) -> Any:
    even = all(a == b for a, b in widths)
    return tuple(a for a, _ in widths) if even else tuple(widths)


def even(padding: Shape) -> Widths:
    """As much before as after each axis."""
    return tuple((p, p) for p in padding)


def padded(xp: Any, x: Array, widths: Widths, value: float = 0.0) -> Array:
    """x with a border of `value` around its last axes; x itself where there is none."""
    if not any(a or b for a, b in widths):
        return x
    lead, size = x.shape[: -len(widths)], x.shape[-len(widths) :]
    shape = (*lead, *(n + a + b for n, (a, b) in zip(size, widths, strict=True)))
    wide = xp.full(shape, value, x.dtype)
    wide[inner(size, widths)] = x
    return wide


def inner(size: Shape, widths: Widths) -> tuple[Any, ...]:
    """Where an array of this size lies in the padded one."""
    return (..., *(slice(a, a + n) for n, (a, _) in zip(size, widths, strict=True)))


def taps(kernel: Shape, stride: Shape, dilation: Shape, places: Shape) -> Iterator[tuple[Any, ...]]:
    """For each element of the kernel, what it meets of the padded array at all its places."""
    for at in np.ndindex(*kernel):
        firsts = [i * d for i, d in zip(at, dilation, strict=True)]
        spans = zip(firsts, stride, places, strict=True)
        yield (..., *(slice(first, first + s * n, s) for first, s, n in spans))


def columns(xp: Any, wide: Array, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """What the kernel sees of a padded array. Shape: -> (batch, channels, kernel, places)"""
    axes = tuple(range(2, wide.ndim))
    windows = np.lib.stride_tricks if xp is np else xp.lib.stride_tricks
    seen = windows.sliding_window_view(wide, extent_of(kernel, dilation), axis=axes)
    seen = seen[(slice(None),) * 2 + tuple(slice(None, None, n) for n in (*stride, *dilation))]
    inside = tuple(axis + len(axes) for axis in axes)
    seen = seen.transpose(0, 1, *inside, *axes)
    elements = int(np.prod(kernel))
    return seen.reshape(*seen.shape[:2], elements, int(np.prod(seen.shape[2 + len(axes) :])))


def overlapped(
    xp: Any, parts: Array, size: Shape, places: Shape, kernel: Shape, stride: Shape, widths: Widths,
    dilation: Shape,
) -> Array:  # fmt: skip
    """The sum, at each place of an array, of what its windows have there; undoes `columns`.

    Shape: parts (batch, channels, kernel, places) -> (batch, channels, *size)
    """
    batch, channels, elements, _ = parts.shape
    parts = parts.reshape(batch, channels, elements, *places)
    wide_size = tuple(n + a + b for n, (a, b) in zip(size, widths, strict=True))
    wide = xp.zeros((batch, channels, *wide_size), parts.dtype)
    for number, seen in enumerate(taps(kernel, stride, dilation, places)):
        wide[seen] += parts[:, :, number]
    return wide[inner(size, widths)]
