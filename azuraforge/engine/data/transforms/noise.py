"""Blur, noise and parts erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from azuraforge.engine.data.transforms.resize import boxes
from azuraforge.engine.data.transforms.transform import (
    Transform,
    chosen,
    drawn,
    places,
    probability,
    spread,
)
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, ShapeError


class GaussianBlur(Transform):
    """Every image blurred by a Gaussian of random width; beyond the edges it is reflected.

    `kernel_size` is one odd number, or two, across and down.
    """

    def __init__(
        self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)
    ) -> None:
        sizes = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(sizes) != 2 or not all(size > 0 and size % 2 for size in sizes):
            raise ConfigError(f"GaussianBlur: kernel_size {kernel_size}; allowed: odd, from 1")
        self.kernel_size = sizes
        values = (sigma, sigma) if isinstance(sigma, int | float) else sigma
        self.sigma = spread("GaussianBlur: sigma", values, around=None, least=1e-6)

    def apply(self, x: Array, generator: Generator) -> Array:
        return blurred(x, self.kernel_size, drawn(generator, len(x), self.sigma))


class GaussianNoise(Transform):
    """Every pixel with noise of its own; kept between 0 and 1 where `clip`."""

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        if sigma < 0:
            raise ConfigError(f"GaussianNoise: sigma {sigma}; allowed: 0 or more")
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def apply(self, x: Array, generator: Generator) -> Array:
        y: Array = x + generator.normal(x.shape, self.mean, self.sigma, x.dtype)
        return np.clip(y, 0, 1) if self.clip else y


class RandomErasing(Transform):
    """A box in a share p of the images, erased: by a value, one per channel, or "random" noise.

    `scale` is its share of the area, `ratio` height : width; an image that ten draws do not fit
    into stays as it is.

    Source: Zhong et al. (2017), Random erasing data augmentation.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float | Sequence[float] | Literal["random"] = 0.0,
    ) -> None:
        self.p = probability("RandomErasing", p)
        self.scale = spread("RandomErasing: scale", scale, around=None, least=0)
        self.ratio = spread("RandomErasing: ratio", ratio, around=None, least=1e-6)
        self.value = value

    def apply(self, x: Array, generator: Generator) -> Array:
        erased = chosen(generator, len(x), self.p)
        image = x.shape[2:]
        widths, heights, fits = boxes(
            generator, len(x), image[::-1], self.scale, self.ratio, is_smaller=True
        )
        room = np.stack((image[0] - heights, image[1] - widths), axis=1)
        corners = places(generator, room.clip(0))
        y = x.copy()
        for number in np.flatnonzero(erased & fits):
            (top, left), height, width = corners[number], heights[number], widths[number]
            box = y[number, :, top : top + height, left : left + width]
            box[...] = self._contents(box, generator)
        return y

    def _contents(self, box: Array, generator: Generator) -> Array:
        if self.value == "random":
            return np.asarray(generator.normal(box.shape, dtype=box.dtype))
        values = np.atleast_1d(np.asarray(self.value, box.dtype))
        if len(values) not in (1, len(box)):
            raise ShapeError(
                f"RandomErasing: value of {len(values)} numbers, {len(box)} channels; allowed: as "
                "many, or one"
            )
        return values.reshape(-1, 1, 1)


def blurred(x: Array, kernel_size: tuple[int, ...], sigmas: Array) -> Array:
    """Each image blurred, across and then down. Shape: sigmas (n,)"""
    for axis, size in ((3, kernel_size[0]), (2, kernel_size[1])):
        half = size // 2
        if half >= x.shape[axis]:
            raise ShapeError(
                f"GaussianBlur: kernel_size {kernel_size} of images {x.shape[2:]}; allowed: less "
                "than twice their sides"
            )
        around = np.pad(x, [(half, half) if a == axis else (0, 0) for a in range(4)], "reflect")
        weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigmas[:, None]) ** 2)
        weights = (weights / weights.sum(axis=1, keepdims=True)).astype(x.dtype)
        shifted = np.lib.stride_tricks.sliding_window_view(around, size, axis=axis)
        x = np.einsum("nchwk,nk->nchw", shifted, weights)
    return x
