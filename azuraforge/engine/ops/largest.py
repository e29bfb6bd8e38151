"""Where in each window, or each region, the largest element is; as places of the flat array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, distinct, uniform
from azuraforge.engine.ops.window import Widths, padded, taps, windows_of
from azuraforge.errors import ShapeError


def _shape(x: Shape, kernel: Shape, stride: Shape, widths: Widths, dilation: Shape) -> Shape:
    for k, d, (p, _) in zip(kernel, dilation, widths, strict=True):
        if 2 * p > (k - 1) * d + 1:
            raise ShapeError(f"padding {p} is more than half the kernel, {k} spread by {d}")
    return (*x[:2], *windows_of(x[2:], kernel, stride, widths, dilation))


def _places(
    xp: Any, x: Array, y: Array, kernel: Shape, stride: Shape, widths: Widths, dilation: Shape
) -> None:
    """The first element that no other exceeds; NaN exceeds all."""
    size = x.shape[2:]
    wide = padded(xp, x, widths)
    flat = xp.arange(math.prod(size)).reshape(1, 1, *size)
    place = padded(xp, flat, widths, -1)  # -1 in the border, which no window takes
    largest = xp.zeros(y.shape, x.dtype)
    y[...] = -1
    for seen in taps(kernel, stride, dilation, y.shape[2:]):
        here, at = wide[seen], place[seen]
        is_better = (at >= 0) & ((y < 0) | (here > largest) | (here != here))
        xp.copyto(largest, here, where=is_better)
        xp.copyto(y, at, where=is_better)


largest_places = op(
    "largest_places(x, *, kernel, stride, widths, dilation) -> y",
    shape=_shape,
    forward=_places,
    grads={"x": None},
    dtypes={"y": lambda: np.int64},
    samples=(
        Sample(
            distinct(2, 3, 5, 6), kernel=(2, 3), stride=(2, 1), widths=((1, 1), (1, 2)),
            dilation=(1, 2),
        ),
        Sample(distinct(1, 1, 4), kernel=(2,), stride=(2,), widths=((0, 0),), dilation=(1,)),
    ),
)  # fmt: skip


def regions(size: int, places: int) -> list[slice]:
    """The parts of an axis, of almost one size, which may overlap."""
    return [slice(i * size // places, -(-(i + 1) * size // places)) for i in range(places)]


def _adaptive_shape(x: Shape, size: Shape) -> Shape:
    if min(size, default=0) < 0 or not math.prod(x[1:]):
        raise ShapeError(
            f"input {x}, output size {size}; allowed: an input with elements, sizes of at least 0"
        )
    return (*x[: -len(size)], *size)


def _adaptive_places(xp: Any, x: Array, y: Array, size: Shape) -> None:
    axes = [regions(n, m) for n, m in zip(x.shape[2:], size, strict=True)]
    flat = xp.arange(math.prod(x.shape[2:])).reshape(x.shape[2:])
    for place in np.ndindex(*size):
        region = tuple(parts[i] for parts, i in zip(axes, place, strict=True))
        seen = x[(..., *region)]
        first = seen.reshape(*x.shape[:2], math.prod(seen.shape[2:])).argmax(2)
        y[(..., *place)] = flat[region].reshape(-1)[first]


adaptive_largest_places = op(
    "adaptive_largest_places(x, *, size) -> y",
    shape=_adaptive_shape,
    forward=_adaptive_places,
    grads={"x": None},
    dtypes={"y": lambda: np.int64},
    samples=(Sample(distinct(2, 3, 5, 7), size=(2, 3)), Sample(distinct(1, 2, 4), size=(6,))),
)


def _fractional_shape(x: Shape, at: Shape, kernel: Shape, size: Shape) -> Shape:
    axes = len(kernel)
    if at[1:] != (x[1], axes) or at[0] < x[0]:
        raise ShapeError(f"input {x}, samples {at}; allowed: {(*x[:2], axes)}, or of more samples")
    if any(m < 1 or m + k - 1 > n for n, m, k in zip(x[2:], size, kernel, strict=True)):
        raise ShapeError(
            f"input {x}, kernel_size {kernel}, output size {size}; allowed: an output of at least "
            "1 that, with the kernel less 1, is no larger than the input"
        )
    return (*x[:2], *size)


def _starts(xp: Any, at: Array, size: int, places: int, kernel: int) -> Array:
    """Where windows begin along an axis: at places of one lattice, the last at the end."""
    if places == 1:
        return xp.full((*at.shape, 1), size - kernel)
    step = (size - kernel) / (places - 1)
    begins = xp.trunc((xp.arange(places) + at[..., None]) * step) - xp.trunc(at * step)[..., None]
    begins[..., -1] = size - kernel
    return begins.astype(xp.int64)


def _fractional_places(xp: Any, x: Array, at: Array, y: Array, kernel: Shape, size: Shape) -> None:
    axes, sizes = len(kernel), x.shape[2:]
    flat = x.reshape(*x.shape[:2], math.prod(sizes))
    drawn = at[: len(x), :, :: -1 if axes == 2 else 1]  # for width first over images, as PyTorch
    starts = [
        _starts(xp, drawn[..., i], n, m, k)
        for i, (n, m, k) in enumerate(zip(sizes, size, kernel, strict=True))
    ]
    largest = xp.zeros(y.shape, x.dtype)
    y[...] = -1
    for element in np.ndindex(*kernel):
        place = xp.zeros((*x.shape[:2], *(1,) * axes), xp.int64)
        for i, (begins, k) in enumerate(zip(starts, element, strict=True)):
            along = [1] * axes
            along[i] = -1
            place = place * sizes[i] + (begins + k).reshape(*x.shape[:2], *along)
        found = xp.take_along_axis(flat, place.reshape(*flat.shape[:2], -1), 2).reshape(y.shape)
        is_better = (y < 0) | (found > largest) | (found != found)
        xp.copyto(largest, found, where=is_better)
        xp.copyto(y, place, where=is_better)


fractional_largest_places = op(
    "fractional_largest_places(x, at, *, kernel, size) -> y",
    shape=_fractional_shape,
    forward=_fractional_places,
    grads={"x": None, "at": None},
    dtypes={"y": lambda: np.int64},
    samples=(Sample(distinct(2, 3, 5, 7), uniform(2, 3, 2), kernel=(2, 3), size=(3, 2)),),
)
