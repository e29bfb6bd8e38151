"""Convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.nn import functional as F
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.ops.shape import padded
from azuraforge.interop.onnx.places import Places

Sizes = list[int] | None


@converter("Conv")
def conv(
    x: Tensor, w: Tensor, b: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: Sizes = None, group: int = 1, kernel_shape: Sizes = None, pads: Sizes = None,
    strides: Sizes = None,
) -> Any:  # fmt: skip
    if x.dtype == np.float16:  # summed in half precision, 64 products are off by 1e-3
        options: dict[str, Any] = {"auto_pad": auto_pad, "dilations": dilations, "group": group}
        options |= {"pads": pads, "strides": strides}
        shift = None if b is None else b.to("float32")
        return conv(x.to("float32"), w.to("float32"), shift, **options).to("float16")
    places = Places.of(x, w.shape[2:], strides, pads, dilations, auto_pad)
    if places.is_symmetric:
        padding = tuple(before for before, _ in places.pads)
    else:
        x, padding = padded(x, [(0, 0), (0, 0), *places.pads], "constant"), (0,) * (x.ndim - 2)
    return _of(x, "conv{}d")(x, w, b, places.stride, padding, places.dilation, group)


@converter("ConvTranspose")
def conv_transpose(
    x: Tensor, w: Tensor, b: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: Sizes = None, group: int = 1, kernel_shape: Sizes = None,
    output_padding: Sizes = None, output_shape: Sizes = None, pads: Sizes = None,
    strides: Sizes = None,
) -> Any:  # fmt: skip
    """All that the kernels reach, less what the pads cut off, or as `output_shape` asks."""
    axes = x.ndim - 2
    places = Places.of(x, w.shape[2:], strides, pads, dilations)
    more = output_padding or [0] * axes
    each = zip(places.size, places.stride, places.extent, strict=True)
    full = [(n - 1) * s + k for n, s, k in each]
    cut = list(places.pads)
    if output_shape or auto_pad.startswith("SAME"):
        wanted = output_shape or [n * s for n, s in zip(places.size, places.stride, strict=True)]
        totals = [n + m - k for n, m, k in zip(full, more, wanted, strict=True)]
        less = [int(total / 2) for total in totals]
        cut = [(each, total - each) for each, total in zip(less, totals, strict=True)]
        if auto_pad == "SAME_LOWER":
            cut = [pair[::-1] for pair in cut]
    y = _of(x, "conv_transpose{}d")(x, w, None, places.stride, 0, 0, group, places.dilation)
    rest = [(-before, m - after) for (before, after), m in zip(cut, more, strict=True)]
    y = padded(y, [(0, 0), (0, 0), *rest], "constant")
    return y if b is None else y + az.reshape(b, -1, *(1,) * axes)


@converter("DeformConv", since=19)
def deform_conv(
    x: Tensor, w: Tensor, offset: Tensor, b: Tensor | None = None, mask: Tensor | None = None,
    *, dilations: Sizes = None, group: int = 1, kernel_shape: Sizes = None,
    offset_group: int = 1, pads: Sizes = None, strides: Sizes = None,
) -> Any:  # fmt: skip
    """A convolution of images whose kernel's elements look where the offsets move them."""
    if x.ndim != 4:
        raise ShapeError(f"input {x.shape}; allowed: (batch, channels, height, width)")
    places = Places.of(x, w.shape[2:], strides, pads, dilations)
    batch, channels = x.shape[:2]
    counts, taps = places.counts, int(np.prod(places.kernel))
    moved = az.reshape(offset, batch, offset_group, taps, 2, *counts)
    rows, columns = (moved[:, :, :, i] + _standing(places, i) for i in range(2))
    parts = az.reshape(x, batch * offset_group, channels // offset_group, *x.shape[2:])
    flat = (batch * offset_group, taps * counts[0] * counts[1])
    seen = sampled(parts, az.reshape(rows, *flat), az.reshape(columns, *flat))
    seen = az.reshape(seen, batch, offset_group, -1, taps, *counts)
    if mask is not None:
        seen = seen * az.reshape(mask, batch, offset_group, 1, taps, *counts)
    columns_of = az.reshape(seen, batch, group, channels // group * taps, counts[0] * counts[1])
    kernels = az.reshape(w, group, w.shape[0] // group, -1)
    y = az.reshape(az.matmul(kernels, columns_of), batch, w.shape[0], *counts)
    return y if b is None else y + az.reshape(b, -1, 1, 1)


def _standing(places: Places, axis: int) -> Tensor:
    """Where the kernel's elements look along an axis. Shape: -> (elements, height, width)"""
    grid = np.indices((*places.kernel, *places.counts))
    at = grid[axis] * places.dilation[axis] + grid[2 + axis] * places.stride[axis]
    at = at - places.pads[axis][0]
    return Tensor(at.reshape(-1, *places.counts).astype(np.float32))


def sampled(x: Tensor, rows: Tensor, columns: Tensor) -> Any:
    """Images at places between elements, bilinearly; zero outside.

    Shape: x (batch, channels, height, width), rows and columns (batch, places)
           -> (batch, channels, places)
    """
    height, width = x.shape[2:]
    flat = az.reshape(x, *x.shape[:2], height * width)
    top, left = az.floor(rows), az.floor(columns)
    total: Any = 0
    for row, row_weight in ((top, top + 1 - rows), (top + 1, rows - top)):
        for column, weight in ((left, left + 1 - columns), (left + 1, columns - left)):
            inside = az.logical_and(row >= 0, row < height)
            inside = az.logical_and(inside, az.logical_and(column >= 0, column < width))
            at = az.clamp(row, 0, height - 1) * width + az.clamp(column, 0, width - 1)
            index = az.unsqueeze(at.detach().to("int64"), 1)
            index = az.expand(index, x.shape[0], x.shape[1], index.shape[2])
            share = az.where(inside, row_weight * weight, az.zeros_like(weight))
            total = total + az.gather(flat, 2, index) * az.unsqueeze(share, 1)
    return total


@converter("Col2Im", since=18, host="image_shape block_shape")
def col2im(
    x: Tensor, image_shape: Any, block_shape: Any, *, dilations: Sizes = None,
    pads: Sizes = None, strides: Sizes = None,
) -> Any:  # fmt: skip
    """Columns of blocks added up where they stand in the image."""
    image = tuple(int(n) for n in image_shape)
    kernel = tuple(int(n) for n in block_shape)
    like = Tensor(np.empty((1, 1, *image), np.bool_))
    places = Places.of(like, kernel, strides, pads, dilations)
    wide = tuple(n + a + b for n, (a, b) in zip(image, places.pads, strict=True))
    index = _flat_places(places, wide).reshape(-1)
    columns = az.reshape(x, x.shape[0], -1, len(index))
    zeros = Tensor(np.zeros((*columns.shape[:2], int(np.prod(wide))), x.dtype))
    y = az.reshape(az.index_add(zeros, 2, Tensor(index), columns), *columns.shape[:2], *wide)
    return padded(y, [(0, 0), (0, 0), *((-a, -b) for a, b in places.pads)], "constant")


def _flat_places(places: Places, wide: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """For each element of the kernel at each place where in the flat padded image it stands."""
    axes = len(wide)
    grid = np.indices((*places.kernel, *places.counts))
    at = [grid[i] * places.dilation[i] + grid[axes + i] * places.stride[i] for i in range(axes)]
    return np.asarray(np.ravel_multi_index(at, wide))


def _of(x: Tensor, name: str) -> Any:
    """The function of as many axes as x has beside batch and channels."""
    if not 3 <= x.ndim <= 5:
        raise ShapeError(f"input {x.shape}; allowed: one to three axes after batch and channels")
    return getattr(F, name.format(x.ndim - 2))
