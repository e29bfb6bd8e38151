"""Crops and flips: pixels as they are, elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from azuraforge.engine.data.transforms.transform import (
    Transform,
    chosen,
    pair,
    places,
    probability,
)
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, ShapeError

PaddingMode = Literal["constant", "edge", "reflect", "symmetric"]


class CenterCrop(Transform):
    """The middle of every image; where it is too small, zeros around it."""

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = pair("CenterCrop", size)

    def apply(self, x: Array, generator: Generator) -> Array:
        height, width = self.size
        down, right = max(height - x.shape[2], 0), max(width - x.shape[3], 0)
        x = padded(x, (right // 2, down // 2, (right + 1) // 2, (down + 1) // 2))
        top, left = (round((n - m) / 2) for n, m in zip(x.shape[2:], self.size, strict=True))
        return x[:, :, top : top + height, left : left + width].copy()


class RandomCrop(Transform):
    """A part of every image, somewhere in it, after padding.

    `padding` is one number, (left and right, top and bottom), or (left, top, right, bottom).
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float = 0,
        padding_mode: PaddingMode = "constant",
    ) -> None:
        self.size = pair("RandomCrop", size)
        self.padding = _sides(padding)
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def apply(self, x: Array, generator: Generator) -> Array:
        x = padded(x, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            down, right = (max(m - n, 0) for m, n in zip(self.size, x.shape[2:], strict=True))
            x = padded(x, (right, down, right, down), self.fill, self.padding_mode)
        height, width = self.size
        if x.shape[2] < height or x.shape[3] < width:
            raise ShapeError(
                f"RandomCrop: size {self.size} of images {x.shape[2:]} after padding; allowed: "
                "as large at most: use padding, or pad_if_needed=True"
            )
        most = np.array([x.shape[2] - height, x.shape[3] - width])
        corners = places(generator, np.broadcast_to(most, (len(x), 2)))
        y = np.empty((*x.shape[:2], height, width), x.dtype)
        for image, part, (top, left) in zip(x, y, corners.tolist(), strict=True):
            part[...] = image[:, top : top + height, left : left + width]
        return y


class RandomHorizontalFlip(Transform):
    """Left and right exchanged, in a share p of the images."""

    axis = -1

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(type(self).__name__, p)

    def apply(self, x: Array, generator: Generator) -> Array:
        flips = chosen(generator, len(x), self.p)
        y = x.copy()
        y[flips] = np.flip(x[flips], self.axis)
        return y


class RandomVerticalFlip(RandomHorizontalFlip):
    """Top and bottom exchanged, in a share p of the images."""

    axis = -2


def padded(
    x: Array,
    sides: tuple[int, int, int, int],
    fill: float = 0,
    mode: PaddingMode = "constant",
) -> Array:
    """The images with that many pixels more: left, top, right, bottom."""
    left, top, right, bottom = sides
    if not any(sides):
        return x
    widths = ((0, 0), (0, 0), (top, bottom), (left, right))
    options: dict[str, Any] = {"constant_values": fill} if mode == "constant" else {}
    return np.pad(x, widths, mode, **options)


def _sides(padding: int | Sequence[int] | None) -> tuple[int, int, int, int]:
    given = (padding or 0,) if isinstance(padding, int | None) else tuple(padding)
    if len(given) not in (1, 2, 4) or min(given) < 0:
        raise ConfigError(
            f"RandomCrop: padding {padding}; allowed: a number from 0, (x, y), or (left, top, "
            "right, bottom)"
        )
    left, top, right, bottom = given * (4 // len(given))
    return left, top, right, bottom
