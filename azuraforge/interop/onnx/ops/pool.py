"""Pooling."""

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
    seen = _windows(x, places, _lowest(x.dtype))
    if _outputs == 1:
        return az.amax(seen, -1)
    where = az.argmax(seen, -1, True)
    shape = x.shape if not storage_order else (*x.shape[:2], *x.shape[:1:-1])
    flat = np.arange(int(np.prod(x.shape))).reshape(shape)
    flat = flat.transpose(0, 1, *range(x.ndim - 1, 1, -1)) if storage_order else flat
    index = az.gather(_windows(Tensor(flat), places, -1), -1, where)
    return az.squeeze(az.gather(seen, -1, where), -1), az.squeeze(index, -1)


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
    total = az.sum(_windows(x, places, 0), -1)
    return total / Tensor(_counts(places, includes_pads=bool(count_include_pad)).astype(x.dtype))


@converter("LpPool", since=2)
def lp_pool(
    x: Tensor, *, kernel_shape: list[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: Sizes = None, p: int = 2, pads: Sizes = None, strides: Sizes = None,
) -> Any:  # fmt: skip
    places = Places.of(x, kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    seen = az.abs(_windows(x, places, 0))
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
    fits = all(2 * a <= k for (a, _), k in zip(places.pads, places.kernel, strict=True))
    return 3 <= x.ndim <= 5 and places.is_symmetric and fits and x.dtype.kind == "f"


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


def _windows(x: Tensor, places: Places, border: Any) -> Any:
    return places.windows(padded(x, [(0, 0), (0, 0), *places.around], "constant", border))


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min
