"""Images turned, moved, scaled and sheared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from azuraforge.engine.data.transforms.transform import Transform, drawn, spread
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError

Interpolation = Literal["nearest", "bilinear"]
Fill = float | Sequence[float]


class RandomRotation(Transform):
    """Every image turned counter-clockwise by an angle of `degrees`, a range or one around 0.

    What was outside the image becomes `fill`, a number or one per channel. `center` is (x, y) in
    pixels from the upper left corner, the image's own where it is None.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Interpolation = "nearest",
        center: Sequence[float] | None = None,
        fill: Fill = 0,
    ) -> None:
        self.degrees = spread("RandomRotation: degrees", degrees)
        self.interpolation = _known("RandomRotation", interpolation)
        self.center = center
        self.fill = fill

    def apply(self, x: Array, generator: Generator) -> Array:
        angles = -drawn(generator, len(x), self.degrees)
        return affine(
            x, angles, center=self.center, interpolation=self.interpolation, fill=self.fill
        )


class RandomAffine(Transform):
    """Every image turned clockwise, moved, scaled and sheared by draws of its own.

    `translate` (x, y) are the largest shares of width and height; `scale` a range; `shear` degrees:
    a number or two for a range along x, four for x and y.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Interpolation = "nearest",
        fill: Fill = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        self.degrees = spread("RandomAffine: degrees", degrees)
        self.translate = (0.0, 0.0) if translate is None else (translate[0], translate[1])
        if not all(0 <= share <= 1 for share in self.translate):
            raise ConfigError(f"RandomAffine: translate {translate}; allowed: shares from 0 to 1")
        one = (1.0, 1.0) if scale is None else scale
        self.scale = spread("RandomAffine: scale", one, around=None, least=1e-6)
        sides = [shear or 0.0] if isinstance(shear, int | float | None) else list(shear)
        along = sides[0] if len(sides) == 1 else sides[:2]
        self.shear = (
            spread("RandomAffine: shear", along),
            spread("RandomAffine: shear", sides[2:] or 0.0),
        )
        self.interpolation = _known("RandomAffine", interpolation)
        self.fill = fill
        self.center = center

    def apply(self, x: Array, generator: Generator) -> Array:
        count, (height, width) = len(x), x.shape[2:]
        angles = drawn(generator, count, self.degrees)
        most = self.translate[0] * width, self.translate[1] * height
        moves = np.rint(np.stack([drawn(generator, count, (-m, m)) for m in most], axis=1))
        scales = drawn(generator, count, self.scale)
        shears = np.stack([drawn(generator, count, values) for values in self.shear], axis=1)
        return affine(x, angles, moves, scales, shears, self.center, self.interpolation, self.fill)


def affine(
    x: Array,
    degrees: Array,
    moves: Any = 0.0,
    scales: Any = 1.0,
    shears: Any = 0.0,
    center: Sequence[float] | None = None,
    interpolation: Interpolation = "nearest",
    fill: Fill = 0,
) -> Array:
    """The images, sheared, scaled, turned clockwise around `center`, and moved.

    Shape: degrees, scales (n,); moves, shears (n, 2), x and y
    """
    count, _, height, width = x.shape
    middle = np.array([width / 2, height / 2])
    fixed = middle if center is None else np.asarray(center, np.float64)
    inverse = np.linalg.inv(_linear(count, degrees, scales, shears))
    to = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
    back = to.reshape(1, -1, 2) - fixed - np.broadcast_to(moves, (count, 2))[:, None]
    source = (back[:, :, None] * inverse[:, None]).sum(axis=-1) + (fixed - 0.5)
    take = _nearest if interpolation == "nearest" else _bilinear
    values, inside = take(x.reshape(*x.shape[:2], height * width), source, (height, width))
    y = values + (1 - inside) * np.asarray(fill, x.dtype).reshape(-1, 1)
    return y.astype(x.dtype, copy=False).reshape(x.shape)


def _linear(count: int, degrees: Any, scales: Any, shears: Any) -> Array:
    """Turn · scale · shear. Shape: -> (n, 2, 2)"""
    angle = np.broadcast_to(np.deg2rad(degrees), (count,))
    along, down = np.deg2rad(np.broadcast_to(shears, (count, 2))).T
    tilt = angle - down
    rows = (
        (np.cos(tilt) / np.cos(down), -np.cos(tilt) * np.tan(along) / np.cos(down) - np.sin(angle)),
        (np.sin(tilt) / np.cos(down), -np.sin(tilt) * np.tan(along) / np.cos(down) + np.cos(angle)),
    )
    scale = np.broadcast_to(scales, (count,))[:, None, None]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=1) * scale


def _nearest(x: Array, source: Array, image: tuple[int, int]) -> tuple[Array, Array]:
    # halves are settled as exact numbers would be: 1e-9 is above the rounding of the products
    at = np.rint(np.round(source, 9)).astype(np.int64)
    return _taken(x, at, image)


def _bilinear(x: Array, source: Array, image: tuple[int, int]) -> tuple[Array, Array]:
    low = np.floor(source)
    part = source - low
    values, inside = np.zeros_like(x), np.zeros((len(x), 1, x.shape[2]), x.dtype)
    for right in (0, 1):
        for down in (0, 1):
            corner = low.astype(np.int64) + np.array([right, down])
            shares = np.where((right, down), part, 1 - part).prod(axis=-1)[:, None].astype(x.dtype)
            found, is_inside = _taken(x, corner, image)
            values += shares * found
            inside += shares * is_inside
    return values, inside


def _taken(x: Array, at: Array, image: tuple[int, int]) -> tuple[Array, Array]:
    """The pixels at (x, y), zero outside, and whether they are inside."""
    size = np.array(image[::-1])
    inside: Array = ((at >= 0) & (at < size)).all(axis=-1, keepdims=True).swapaxes(1, 2)
    flat = np.where(inside[:, 0], at[..., 1] * image[1] + at[..., 0], 0)
    return np.take_along_axis(x, flat[:, None], axis=2) * inside, inside.astype(x.dtype)


def _known(name: str, interpolation: Interpolation) -> Interpolation:
    if interpolation not in ("nearest", "bilinear"):
        raise ConfigError(
            f"{name}: interpolation {interpolation!r}; allowed: 'nearest', 'bilinear'"
        )
    return interpolation
