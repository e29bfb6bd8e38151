"""Resizing: along each axis weighted sums, or a choice, of elements."""

from __future__ import annotations

from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.ops.resample import Taps, resample
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.values import chosen

Vector = np.ndarray[Any, Any]


@converter("Upsample", since=7)
def upsample_attribute(x: Tensor, *, scales: list[float], mode: str = "nearest") -> Any:
    return upsample(x, np.asarray(scales), mode=mode)


@converter("Upsample", since=9, host="scales")
def upsample(x: Tensor, scales: Any, *, mode: str = "nearest") -> Any:
    return resize(
        x, None, scales, mode=mode, coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )  # fmt: skip


@converter("Resize", since=10, host="scales")
def resize_of_old(x: Tensor, scales: Any, *, mode: str = "nearest") -> Any:
    return upsample(x, scales, mode=mode)


@converter("Resize", since=11, host="roi scales sizes")
def resize(
    x: Tensor, roi: Any = None, scales: Any = None, sizes: Any = None, *, antialias: int = 0,
    axes: list[int] | None = None, coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75, exclude_outside: int = 0, extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch", mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Any:  # fmt: skip
    """Raises: ConfigError for a mode nobody knows, and where neither scales nor sizes are given."""
    over = [axis % x.ndim for axis in (range(x.ndim) if axes is None else axes)]
    factors, wanted = _extent(
        [x.shape[axis] for axis in over], scales, sizes, keep_aspect_ratio_policy
    )
    outside: Any = None
    for i, axis in enumerate(over):
        is_cropping = coordinate_transformation_mode == "tf_crop_and_resize"
        if wanted[i] == x.shape[axis] and factors[i] == 1 and not is_cropping:
            continue
        region = (roi[i], roi[len(over) + i]) if is_cropping else (0.0, 1.0)
        size = x.shape[axis]
        at = _places(coordinate_transformation_mode, size, wanted[i], factors[i], region)
        if mode == "nearest":
            x = chosen(x, axis, _nearest(at, size, nearest_mode))
        else:
            scale = min(factors[i], 1.0) if antialias else 1.0
            taps = _taps(at, size, mode, scale, cubic_coeff_a, bool(exclude_outside))
            x = resample(x, axis=axis, taps=taps)
        if is_cropping:
            beyond = ((at < 0) | (at > size - 1)).reshape(-1, *(1,) * (x.ndim - 1 - axis))
            outside = beyond if outside is None else outside | beyond
    if outside is None or not outside.any():
        return x
    fill = Tensor(np.full((), extrapolation_value, x.dtype))
    return az.where(Tensor(outside), fill, x)


def _extent(
    shape: list[int], scales: Any, sizes: Any, policy: str
) -> tuple[list[float], list[int]]:
    """The factor and the size of each axis."""
    if sizes is not None and len(sizes):
        factors = [int(n) / m for n, m in zip(sizes, shape, strict=True)]
        if policy == "stretch":
            return factors, [int(n) for n in sizes]
        one = min(factors) if policy == "not_larger" else max(factors)
        return [one] * len(shape), [int(np.floor(one * n + 0.5)) for n in shape]
    if scales is None or not len(scales):
        raise ConfigError("resize: got neither scales nor sizes; allowed: one of them")
    factors = [float(scale) for scale in scales]
    return factors, [int(np.floor(n * f)) for n, f in zip(shape, factors, strict=True)]


def _places(mode: str, size: int, count: int, scale: float, region: tuple[float, float]) -> Vector:
    """Where on the axis of `size` elements each of `count` elements looks."""
    y, wide = np.arange(count, dtype=np.float64), scale * size
    begin, end = region
    if mode == "align_corners":
        return y * ((size - 1) / (wide - 1) if wide != 1 else 0)
    if mode == "asymmetric":
        return y / scale
    if mode == "tf_crop_and_resize":
        step = (end - begin) * (size - 1)
        return begin * (size - 1) + (y * step / (wide - 1) if wide != 1 else step / 2 + 0 * y)
    if mode == "pytorch_half_pixel" and wide == 1:
        return 0 * y - 0.5
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return (y + 0.5) / scale - 0.5
    if mode == "half_pixel_symmetric":
        return size / 2 * (1 - count / wide) + (y + 0.5) / scale - 0.5
    raise ConfigError(f"resize: coordinate_transformation_mode {mode!r} is none that ONNX knows")


def _nearest(at: Vector, size: int, mode: str) -> Vector:
    rounded = {
        "round_prefer_floor": lambda: np.ceil(at - 0.5),
        "round_prefer_ceil": lambda: np.floor(at + 0.5),
        "floor": lambda: np.floor(at),
        "ceil": lambda: np.ceil(at),
    }
    if mode not in rounded:
        raise ConfigError(f"resize: nearest_mode is {mode!r}; allowed: {', '.join(rounded)}")
    found: Vector = np.clip(rounded[mode](), 0, size - 1).astype(np.int64)
    return found


def _taps(at: Vector, size: int, mode: str, scale: float, a: float, excludes: bool) -> Taps:
    """The share of each element in each new one; the border's elements stand for what is beyond.

    A `scale` below 1 widens the kernel by as much, against aliasing.
    """
    if mode not in ("linear", "cubic"):
        raise ConfigError(f"resize: mode is {mode!r}; allowed: nearest, linear, cubic")
    reach = int(np.ceil((1 if mode == "linear" else 2) / scale)) + 1
    first = np.floor(at).astype(np.int64)[:, None]
    near = first + np.arange(-reach, reach + 1)
    distance = np.abs(near - at[:, None]) * scale
    share = np.clip(1 - distance, 0, None) if mode == "linear" else _cubic(distance, a)
    if excludes:
        share = np.where((near < 0) | (near >= size), 0, share)
    if excludes or scale < 1:
        share = share / share.sum(1, keepdims=True)
    return Taps(np.clip(near, 0, size - 1), share)


def _cubic(d: Vector, a: float) -> Vector:
    """Keys (1981), Cubic convolution interpolation for digital image processing."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))
