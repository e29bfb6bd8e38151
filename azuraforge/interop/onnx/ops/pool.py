"""Pooling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.nn import functional as F
from azuraforge.engine.nn.functional.pool import taken
from azuraforge.engine.ops.largest import largest_places
from azuraforge.engine.ops.overlap import window_sum
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.ops.shape import padded
from azuraforge.interop.onnx.places import Places

Sizes = list[int] | None


@converter("MaxPool")
def max_pool(
    x: Tensor, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: Sizes = None, pads: Sizes = None, storage_order: int = 0, strides: Sizes = None,
    _outputs: int,
) -> Any:  # fmt: skip
    """The largest, and where they are in the flat x; by columns where `storage_order` is 1."""
    places = Places.of(x, kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    if _outputs == 1 and _is_plain(x, places):
        return _plain(x, "max_pool{}d", places)
    if _outputs == 1 and not _fits(places):
        return az.amax(_windows(x, places, _lowest(x.dtype)), -1)
    at = largest_places(
        x, kernel=places.kernel, stride=places.stride, widths=_widths(places),
        dilation=places.dilation,
    )  # fmt: skip
    return taken(x, at), _in_the_whole(at, x.shape, by_columns=bool(storage_order))


def _in_the_whole(at: Tensor, shape: tuple[int, ...], *, by_columns: bool) -> Any:
    """Places in the plane of each channel as places in the whole of x."""
    size = shape[2:]
    if by_columns:
        turned = np.arange(math.prod(size)).reshape(size[::-1]).transpose().reshape(-1)
        at = az.as_tensor(turned)[at]
    planes = np.arange(math.prod(shape[:2])) * math.prod(size)
    return at + Tensor(planes.reshape(*shape[:2], *(1,) * len(size)))


@converter("AveragePool")
def average_pool(
    x: Tensor, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: Sizes = None, pads: Sizes = None,
    strides: Sizes = None,
) -> Any:  # fmt: skip
    """The mean of the elements, and of the padding if it counts; what `ceil_mode` adds does not."""
    places = Places.of(x, kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    if _is_plain(x, places) and set(places.dilation) == {1}:
        return _plain(x, "avg_pool{}d", places, count_include_pad=bool(count_include_pad))
    if set(places.dilation) == {1}:
        total = window_sum(x, kernel=places.kernel, stride=places.stride, widths=_widths(places))
    else:
        total = az.sum(_windows(x, places), -1)
    return total / Tensor(_counts(places, includes_pads=bool(count_include_pad)).astype(x.dtype))


@converter("LpPool", since=2)
def lp_pool(
    x: Tensor, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: Sizes = None, p: int = 2, pads: Sizes = None, strides: Sizes = None,
) -> Any:  # fmt: skip
    places = Places.of(x, kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    seen = az.abs(_windows(x, places))
    return az.pow(az.sum(az.pow(seen, p), -1), 1 / p)


@converter("MaxUnpool", since=9, host="output_shape")
def max_unpool(
    x: Tensor, indices: Tensor, output_shape: Any = None, *, kernel_shape: list[int],
    pads: Sizes = None, strides: Sizes = None,
) -> Any:  # fmt: skip
    """Zeros, with x where the indices, into the flat output, say."""
    axes = x.ndim - 2
    stride, around = strides or [1] * axes, pads or [0] * 2 * axes
    sizes = [
        (n - 1) * s + k - around[i] - around[axes + i]
        for i, (n, s, k) in enumerate(zip(x.shape[2:], stride, kernel_shape, strict=True))
    ]
    zeros = Tensor(np.zeros(int(np.prod([*x.shape[:2], *sizes])), x.dtype))
    flat = az.scatter(zeros, 0, az.reshape(indices, -1), az.reshape(x, -1))
    y = az.reshape(flat, *x.shape[:2], *sizes)
    if output_shape is None:
        return y
    more = [(0, int(n) - m) for n, m in zip(output_shape, y.shape, strict=True)]
    return padded(y, more, "constant")


@converter("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Any:
    return az.mean(x, _spatial(x), True)


@converter("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Any:
    return az.amax(x, _spatial(x), True)


@converter("GlobalLpPool", since=2)
def global_lp_pool(x: Tensor, *, p: int = 2) -> Any:
    total = az.sum(az.pow(az.abs(x), p), _spatial(x), True)
    return az.pow(total, 1 / p)


@converter("MaxRoiPool")
def max_roi_pool(
    x: Tensor, rois: Tensor, *, pooled_shape: list[int], spatial_scale: float = 1.0
) -> Any:
    """The largest in each of the cells of regions (image, left, top, right, bottom)."""
    found = []
    for region in rois.detach().numpy():
        image = int(region[0])
        left, top, right, bottom = (int(np.floor(n * spatial_scale + 0.5)) for n in region[1:])
        part = x[image : image + 1, :, top : bottom + 1, left : right + 1]
        found.append(F.adaptive_max_pool2d(part, tuple(pooled_shape)))
    return az.cat(found, 0)


def _spatial(x: Tensor) -> tuple[int, ...]:
    """The axes after batch and channels. Raises: ShapeError where there are none."""
    if x.ndim < 3:
        raise ShapeError(f"input {x.shape}; allowed: axes after batch and channels")
    return tuple(range(2, x.ndim))


def _is_plain(x: Tensor, places: Places) -> bool:
    """Whether PyTorch's pooling says the same."""
    return 3 <= x.ndim <= 5 and places.is_symmetric and _fits(places) and x.dtype.kind == "f"


def _fits(places: Places) -> bool:
    """Whether every place sees an element of the input, whatever is padded."""
    return all(2 * a <= k for (a, _), k in zip(places.pads, places.kernel, strict=True))


def _plain(x: Tensor, name: str, places: Places, **options: Any) -> Any:
    padding = tuple(before for before, _ in places.pads)
    if set(places.dilation) != {1}:
        options["dilation"] = places.dilation
    pool = getattr(F, name.format(x.ndim - 2))
    return pool(x, places.kernel, places.stride, padding, ceil_mode=places.is_ceiled, **options)


def _counts(places: Places, *, includes_pads: bool) -> np.ndarray[Any, Any]:
    """How many elements each place has that count. Shape: -> the places"""
    total = np.ones(())
    for i, count in enumerate(places.counts):
        before, after = places.pads[i]
        at = np.arange(count)[:, None] * places.stride[i]
        at = at + np.arange(places.kernel[i]) * places.dilation[i] - before
        low, high = (-before, places.size[i] + after) if includes_pads else (0, places.size[i])
        total = total[..., None] * ((at >= low) & (at < high)).sum(1)
    return np.asarray(total)


def _widths(places: Places) -> tuple[tuple[int, int], ...]:
    """What is padded; nothing is cut off at an end that no place reaches."""
    return tuple((before, max(after, 0)) for before, after in places.around)


def _windows(x: Tensor, places: Places, border: Any = 0) -> Any:
    return places.windows(padded(x, [(0, 0), (0, 0), *places.around], "constant", border))


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min
