"""Images of another size: every output pixel is a weighted mean of those that it covers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from azuraforge.engine.data.transforms.transform import (
    Transform,
    drawn,
    pair,
    places,
    spread,
)
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError

Interpolation = Literal["nearest", "bilinear", "bicubic"]
TRIES = 10


class Resize(Transform):
    """Every image at this size; of one number, that of the smaller edge, the other in proportion.

    Smaller images are anti-aliased, as torchvision's are by default.
    """

    def __init__(
        self, size: int | Sequence[int], interpolation: Interpolation = "bilinear"
    ) -> None:
        self.size = size if isinstance(size, int) else pair("Resize", size)
        pair("Resize", size)
        self.interpolation = _known("Resize", interpolation)

    def apply(self, x: Array, generator: Generator) -> Array:
        size = self.size
        if isinstance(size, int):
            small = min(x.shape[2:])
            height, width = (int(size * n / small) for n in x.shape[2:])
        else:
            height, width = size
        whole = np.zeros(1), np.array([x.shape[2]]), np.zeros(1), np.array([x.shape[3]])
        return resized(x, *whole, (height, width), self.interpolation)


class RandomResizedCrop(Transform):
    """A part of every image, of random area and shape, at this size.

    Source: Szegedy et al. (2015), Going deeper with convolutions.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: Interpolation = "bilinear",
    ) -> None:
        self.size = pair("RandomResizedCrop", size)
        self.scale = spread("RandomResizedCrop: scale", scale, around=None, least=0)
        self.ratio = spread("RandomResizedCrop: ratio", ratio, around=None, least=1e-6)
        self.interpolation = _known("RandomResizedCrop", interpolation)

    def apply(self, x: Array, generator: Generator) -> Array:
        count, image = len(x), x.shape[2:]
        heights, widths, fits = boxes(generator, count, image, self.scale, self.ratio)
        corners = places(
            generator, np.stack((image[0] - heights, image[1] - widths), axis=1).clip(0)
        )
        height, width = self._middle(*image)
        tops = np.where(fits, corners[:, 0], (image[0] - height) // 2)
        lefts = np.where(fits, corners[:, 1], (image[1] - width) // 2)
        heights, widths = np.where(fits, heights, height), np.where(fits, widths, width)
        return resized(x, tops, heights, lefts, widths, self.size, self.interpolation)

    def _middle(self, height: int, width: int) -> tuple[int, int]:
        """The largest part whose ratio is allowed: for images where no draw fitted."""
        low, high = self.ratio
        if width / height < low:
            return round(width / low), width
        return (height, round(height * high)) if width / height > high else (height, width)


def boxes(
    generator: Generator,
    count: int,
    image: tuple[int, ...],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    *,
    is_smaller: bool = False,
) -> tuple[Array, Array, Array]:
    """Heights and widths of boxes with random area and width : height, and whether each fits.

    The first of ten draws that lies in the image (`is_smaller`: within, with room) is taken.
    """
    shape = (count, TRIES)
    logs = math.log(ratio[0]), math.log(ratio[1])
    area = drawn(generator, count * TRIES, scale).reshape(shape) * image[0] * image[1]
    ratios = np.exp(drawn(generator, count * TRIES, logs)).reshape(shape)
    heights, widths = np.rint(np.sqrt(area / ratios)), np.rint(np.sqrt(area * ratios))
    room = int(is_smaller)
    fits = (heights > 0) & (heights <= image[0] - room)
    fits &= (widths > 0) & (widths <= image[1] - room)
    each, first = np.arange(count), fits.argmax(axis=1)
    return (
        heights[each, first].astype(np.int64),
        widths[each, first].astype(np.int64),
        fits[each, first],
    )


def resized(
    x: Array,
    tops: Array,
    heights: Array,
    lefts: Array,
    widths: Array,
    size: tuple[int, int],
    interpolation: Interpolation,
) -> Array:
    """The box of each image, at a size; boxes of a single number are all images' box.

    Shape: x (n, channels, height, width); tops, heights, lefts, widths (n,) or (1,)
    """
    down = _weights(tops, heights, x.shape[2], size[0], interpolation).astype(x.dtype)
    across = _weights(lefts, widths, x.shape[3], size[1], interpolation).astype(x.dtype)
    y: Array = down[:, None] @ (x @ across[:, None].swapaxes(-1, -2))
    return y


def _weights(
    begins: Array, lengths: Array, count: int, out: int, interpolation: Interpolation
) -> Array:
    """How much of every input pixel is in each output pixel. Shape: -> (n, out, count)"""
    step = (lengths / out)[:, None, None]
    centre = begins[:, None, None] + (np.arange(out)[:, None] + 0.5) * step
    pixel = np.arange(count) + 0.5
    if interpolation == "nearest":
        return np.asarray(np.floor(pixel) == np.floor(centre - 0.5 * step))
    distance = np.abs(pixel - centre) / np.maximum(step, 1.0)
    weights = 1 - distance if interpolation == "bilinear" else _cubic(distance)
    reach = 1 if interpolation == "bilinear" else 2
    inside = (pixel > begins[:, None, None]) & (pixel < (begins + lengths)[:, None, None])
    weights = np.where(inside & (distance < reach), weights, 0.0)
    found: Array = weights / weights.sum(axis=-1, keepdims=True)
    return found


def _cubic(d: Array) -> Any:
    """Keys (1981), with a = -1/2."""
    return np.where(d < 1, (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2)


def _known(name: str, interpolation: Interpolation) -> Interpolation:
    if interpolation not in ("nearest", "bilinear", "bicubic"):
        raise ConfigError(
            f"{name}: interpolation {interpolation!r}; allowed: 'nearest', 'bilinear', 'bicubic'"
        )
    return interpolation
