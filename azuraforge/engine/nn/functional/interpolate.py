"""Resizing: interpolation along one axis after the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.functions.function import FUNCTIONS, function, tensor_of
from azuraforge.engine.ops.resample import Taps, resample
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}  # of modes for one count alone
MODES = ("nearest", "nearest-exact", "area", *AXES)


@function("nn.functional.interpolate")
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input resized, to `size` or by `scale_factor`.

    Without `align_corners` elements are squares whose outer edges stay in place, with it points of
    which the first and last do. `antialias` widens the filter where it shrinks. The scale given is
    used as it is, unless `recompute_scale_factor` takes it from the rounded size.

    Shape:  (batch, channels, …) with 1 to 3 more axes -> (batch, channels, *size)
    Raises: ShapeError; ConfigError for what does not go together.
    """
    axes = tensor_of(input).ndim - 2
    _check(input, axes, mode, align_corners, antialias)
    wanted, scales = _target(input, axes, size, scale_factor)
    if recompute_scale_factor:
        if scale_factor is None:
            raise ConfigError("recompute_scale_factor with a size; allowed: with a scale_factor")
        scales = (None,) * axes
    if mode == "area":
        pooled: Tensor = FUNCTIONS[f"nn.functional.adaptive_avg_pool{axes}d"](input, wanted)
        return pooled
    y = input
    for axis, (places, scale) in enumerate(zip(wanted, scales, strict=True), 2):
        taps = _taps(mode, input.shape[axis], places, scale, bool(align_corners), antialias)
        y = resample(y, axis=axis, taps=taps)
    return y


@function("nn.functional.upsample")
def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """As interpolate."""
    return interpolate(input, size, scale_factor, mode, align_corners)


@function("nn.functional.upsample_nearest")
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """As interpolate by the nearest element."""
    return interpolate(input, size, scale_factor, "nearest")


@function("nn.functional.upsample_bilinear")
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """As interpolate between the four nearest elements, with align_corners."""
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def _check(
    input: Tensor, axes: int, mode: str, align_corners: bool | None, antialias: bool
) -> None:
    if mode not in MODES:
        raise ConfigError(f"mode is {mode!r}; allowed: {', '.join(MODES)}")
    if not 1 <= axes <= 3 or AXES.get(mode, axes) != axes:
        raise ShapeError(
            f"input {input.shape}, mode {mode!r}; allowed: (batch, channels, …) with "
            f"{AXES.get(mode, '1 to 3')} more axes"
        )
    if 0 in input.shape[1:]:
        raise ShapeError(f"input {input.shape} has no elements; allowed: at least one")
    if align_corners is not None and mode not in AXES:
        raise ConfigError(f"align_corners with mode {mode!r}; allowed with: {', '.join(AXES)}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ConfigError(f"antialias with mode {mode!r}; allowed with: bilinear, bicubic")


def _target(
    input: Tensor, axes: int, size: Any, scale_factor: Any
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The size of the output, and the scale along each axis, where it was given."""
    if (size is None) == (scale_factor is None):
        raise ConfigError(f"size {size}, scale_factor {scale_factor}; allowed: one of them")
    given = size if scale_factor is None else scale_factor
    each = tuple(given) if isinstance(given, list | tuple) else (given,) * axes
    if len(each) != axes:
        raise ShapeError(f"input {input.shape}, {given}; allowed: one number, or {axes}")
    scales: tuple[float | None, ...] = (None,) * axes
    if scale_factor is None:
        wanted = tuple(int(n) for n in each)
    else:
        scales = tuple(float(s) for s in each)
        sizes = zip(input.shape[2:], each, strict=True)
        wanted = tuple(math.floor(float(n) * float(s)) for n, s in sizes)
    if min(wanted) < 1:
        raise ShapeError(f"input {input.shape} would get the size {wanted}; allowed: at least 1")
    return wanted, scales


def _taps(
    mode: str, size: int, places: int, scale: float | None, align_corners: bool, antialias: bool
) -> Taps:
    """Which elements of an axis each place of the result is made of."""
    if align_corners:
        step = (size - 1) / (places - 1) if places > 1 else 0.0
    else:
        step = size / places if scale is None else 1 / scale
    at = np.arange(places)
    if mode.startswith("nearest"):
        where = (at + (0.5 if mode == "nearest-exact" else 0.0)) * step
        nearest = np.minimum(np.floor(where.astype(np.float32)).astype(np.int64), size - 1)
        return Taps(nearest[:, None], np.ones((places, 1)))
    is_cubic = mode == "bicubic"
    if antialias:
        return _wide_taps(is_cubic, size, at, step)
    where = at * step if align_corners else (at + 0.5) * step - 0.5
    if not is_cubic:
        where = np.maximum(where, 0)
    first = np.floor(where).astype(np.int64)
    around = np.array([-1, 0, 1, 2] if is_cubic else [0, 1])
    away = np.abs((where - first)[:, None] - around)
    weights = cubic(away, -0.75) if is_cubic else 1 - away
    return Taps(np.clip(first[:, None] + around, 0, size - 1), weights)


def _wide_taps(is_cubic: bool, size: int, at: Any, step: float) -> Taps:
    """Taps of a filter as wide as what one place of a smaller result stands for."""
    wide = max(step, 1.0)
    reach = (2 if is_cubic else 1) * wide
    center = (at + 0.5) * step
    first = np.maximum((center - reach + 0.5).astype(np.int64), 0)
    count = np.minimum((center + reach + 0.5).astype(np.int64), size) - first
    number = np.arange(int(count.max()))
    away = np.abs((first[:, None] + number - center[:, None] + 0.5) / wide)
    weights = cubic(away, -0.5) if is_cubic else np.maximum(1 - away, 0)
    weights = np.where(number < count[:, None], weights, 0)
    places = np.minimum(first[:, None] + number, size - 1)
    return Taps(places, weights / weights.sum(1, keepdims=True))


def cubic(away: Floats, a: float) -> Floats:
    """The weight of an element so far away, by cubic convolution; 0 from 2 on.

    Source: Keys (1981), Cubic convolution interpolation for digital image processing.
    """
    near = ((a + 2) * away - (a + 3)) * away**2 + 1
    far = a * (((away - 5) * away + 8) * away - 4)
    return np.where(away <= 1, near, np.where(away < 2, far, 0.0))
