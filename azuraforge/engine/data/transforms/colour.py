"""Colours: adjusted image by image, and normalized. Pixels are numbers from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.data.transforms.transform import Transform, drawn, spread
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, ShapeError

GREY = (0.2989, 0.587, 0.114)  # how bright red, green and blue seem: ITU-R BT.601
Given = float | Sequence[float]


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue of every image, by draws and in an order of its own.

    Each is the largest change of a factor around 1, or its range; of hue, a turn of at most 0.5.
    """

    def __init__(
        self, brightness: Given = 0, contrast: Given = 0, saturation: Given = 0, hue: Given = 0
    ) -> None:
        factors = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
        self.ranges = [
            spread(f"ColorJitter: {name}", value, around=1.0, least=0.0)
            for name, value in factors.items()
        ]
        self.ranges.append(spread("ColorJitter: hue", hue, least=-0.5))
        if self.ranges[-1][1] > 0.5:
            raise ConfigError(f"ColorJitter: hue {hue}; allowed: up to 0.5, half a turn")

    def apply(self, x: Array, generator: Generator) -> Array:
        order = generator.uniform((len(x), len(ADJUST)), dtype=np.float64).argsort(axis=1)
        factors = [drawn(generator, len(x), values) for values in self.ranges]
        y = x.copy()
        for place in range(len(ADJUST)):
            for which, adjust in enumerate(ADJUST):
                own = order[:, place] == which
                if self.ranges[which] != (NEUTRAL[which],) * 2 and own.any():
                    y[own] = adjust(y[own], factors[which][own])
        return y


class Normalize(Transform):
    """(x - mean) / std, channel by channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        if len(mean) != len(std) or not all(std):
            raise ConfigError(
                f"Normalize: mean {mean}, std {std}; allowed: one of each per channel, no std 0"
            )
        self.mean = np.asarray(mean, np.float64)
        self.std = np.asarray(std, np.float64)

    def apply(self, x: Array, generator: Generator) -> Array:
        if len(self.mean) not in (1, x.shape[1]):
            raise ShapeError(
                f"Normalize: {x.shape[1]} channels, mean of {len(self.mean)}; allowed: as many"
            )
        mean, std = (v.astype(x.dtype).reshape(-1, 1, 1) for v in (self.mean, self.std))
        y: Array = (x - mean) / std
        return y


def brightness(x: Array, factors: Array) -> Array:
    """Darker below a factor of 1, brighter above."""
    return _blended(x, np.zeros((), x.dtype), factors)


def contrast(x: Array, factors: Array) -> Array:
    """Towards the image's mean grey below a factor of 1, away from it above."""
    return _blended(x, _grey(x).mean(axis=(1, 2, 3), keepdims=True, dtype=x.dtype), factors)


def saturation(x: Array, factors: Array) -> Array:
    """Towards grey below a factor of 1, away from it above; grey images stay as they are."""
    return x if x.shape[1] == 1 else _blended(x, _grey(x), factors)


def hue(x: Array, turns: Array) -> Array:
    """Colours moved round the circle of hues; grey images stay as they are.

    Source: Smith (1978), Color gamut transform pairs, for HSV.
    """
    if x.shape[1] == 1:
        return x
    _check_colours(x)
    most, least = x.max(axis=1), x.min(axis=1)
    extent = most - least
    divided = np.where(extent == 0, 1, extent)
    red, green, blue = ((most - x[:, channel]) / divided for channel in range(3))
    angle = np.where(
        most == x[:, 0], blue - green, np.where(most == x[:, 1], 2 + red - blue, 4 + green - red)
    )
    angle = (angle / 6 + turns.astype(x.dtype)[:, None, None]) % 1.0
    return _of_hue(angle, most, extent)


ADJUST: tuple[Callable[[Array, Array], Array], ...] = (brightness, contrast, saturation, hue)
NEUTRAL = (1.0, 1.0, 1.0, 0.0)


def _of_hue(angle: Array, most: Array, extent: Array) -> Array:
    """Channel n is V - C max(0, min(k, 4 - k, 1)), k = (n + 6 H) mod 6, for n = 5, 3, 1."""
    channels = []
    for n in (5, 3, 1):
        k = (n + 6 * angle) % 6
        channels.append(most - extent * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(channels, axis=1)


def _blended(x: Array, other: Any, factors: Array) -> Array:
    share = factors.astype(x.dtype).reshape(-1, 1, 1, 1)
    return np.clip(share * x + (1 - share) * other, 0, 1)


def _grey(x: Array) -> Array:
    """Shape: (n, 3, height, width) -> (n, 1, height, width)"""
    if x.shape[1] == 1:
        return x
    _check_colours(x)
    return np.tensordot(x, np.asarray(GREY, x.dtype), axes=(1, 0))[:, None]


def _check_colours(x: Array) -> None:
    if x.shape[1] != 3:
        raise ShapeError(f"colours of images with {x.shape[1]} channels; allowed: 1 or 3")
