"""Augmentation with next to nothing to choose: operations at random, of a common strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from azuraforge.engine.data.transforms import colour, tone
from azuraforge.engine.data.transforms.affine import Fill, Interpolation, affine
from azuraforge.engine.data.transforms.transform import Transform, chosen, places
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError


@dataclass(frozen=True)
class Operation:
    """`act(images, magnitudes)`; the strengths from none to the most, and whether also negative."""

    act: Callable[[Array, Array], Array]
    strengths: Callable[[int, tuple[int, ...]], Array]
    is_signed: bool = False


class RandAugment(Transform):
    """`num_ops` random operations on every image, each of strength `magnitude`.

    Images have 1 or 3 channels, pixels from 0 to 1.

    Source: Cubuk et al. (2019), RandAugment; the operations and strengths are torchvision's.
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Interpolation = "nearest",
        fill: Fill = 0,
    ) -> None:
        if num_ops < 0 or not 0 <= magnitude < num_magnitude_bins or num_magnitude_bins < 2:
            raise ConfigError(
                f"RandAugment: num_ops {num_ops}, magnitude {magnitude}, num_magnitude_bins "
                f"{num_magnitude_bins}; allowed: num_ops from 0, a magnitude below the bins"
            )
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.operations = _operations(interpolation, fill, most=0.9, shear=0.3, turn=30, tones=4)

    def apply(self, x: Array, generator: Generator) -> Array:
        bins = np.full(len(x), self.magnitude)
        for _ in range(self.num_ops):
            x = _operated(x, self.operations, bins, self.num_magnitude_bins, generator)
        return x


class TrivialAugmentWide(Transform):
    """One random operation of random strength on every image.

    Source: Müller and Hutter (2021), TrivialAugment; operations and strengths as in torchvision.
    """

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: Interpolation = "nearest",
        fill: Fill = 0,
    ) -> None:
        if num_magnitude_bins < 2:
            raise ConfigError(
                f"TrivialAugmentWide: num_magnitude_bins {num_magnitude_bins}; allowed: from 2"
            )
        self.num_magnitude_bins = num_magnitude_bins
        self.operations = _operations(
            interpolation, fill, most=0.99, shear=0.99, turn=135, tones=6, move=32
        )

    def apply(self, x: Array, generator: Generator) -> Array:
        bins = places(generator, np.full(len(x), self.num_magnitude_bins - 1))
        return _operated(x, self.operations, bins, self.num_magnitude_bins, generator)


def _operated(
    x: Array, operations: Sequence[Operation], bins: Array, count: int, generator: Generator
) -> Array:
    """Every image after one of the operations, of the strength that its bin has."""
    which = places(generator, np.full(len(x), len(operations) - 1))
    signs = np.where(chosen(generator, len(x), 0.5), -1.0, 1.0)
    y = x.copy()
    for number, operation in enumerate(operations):
        own = np.flatnonzero(which == number)
        if len(own):
            magnitudes = operation.strengths(count, x.shape[2:])[bins[own]]
            y[own] = operation.act(
                x[own], magnitudes * signs[own] if operation.is_signed else magnitudes
            )
    return y


def _operations(
    interpolation: Interpolation,
    fill: Fill,
    *,
    most: float,
    shear: float,
    turn: float,
    tones: int,
    move: float | None = None,
) -> list[Operation]:
    def moved(
        x: Array, degrees: Any = 0.0, moves: Any = 0.0, shears: Any = 0.0, center: Any = None
    ) -> Array:
        return affine(x, degrees, moves, 1.0, shears, center, interpolation, fill)

    def along(values: Array, axis: int) -> Array:
        return np.eye(2)[axis] * values[:, None]

    def evenly(end: float) -> Callable[[int, tuple[int, ...]], Array]:
        return lambda bins, image: np.linspace(0.0, end, bins)

    def across(side: int) -> Callable[[int, tuple[int, ...]], Array]:
        return lambda bins, image: np.linspace(
            0.0, 150 / 331 * image[side] if move is None else move, bins
        )

    def sheared(axis: int) -> Callable[[Array, Array], Array]:
        return lambda x, m: moved(x, shears=along(np.rad2deg(np.arctan(m)), axis), center=(0, 0))

    def shifted(axis: int) -> Callable[[Array, Array], Array]:
        return lambda x, m: moved(x, moves=along(np.trunc(m), axis))

    factors = (colour.brightness, colour.saturation, colour.contrast, tone.sharpness)
    return [
        Operation(lambda x, _: x, evenly(0)),
        Operation(sheared(0), evenly(shear), True),
        Operation(sheared(1), evenly(shear), True),
        Operation(shifted(0), across(1), True),
        Operation(shifted(1), across(0), True),
        Operation(lambda x, m: moved(x, -m), evenly(turn), True),
        *(Operation(_around_one(adjust), evenly(most), True) for adjust in factors),
        Operation(
            tone.posterize,
            lambda bins, image: np.rint(8 - np.arange(bins) / ((bins - 1) / tones)),
        ),
        Operation(tone.solarize, lambda bins, image: np.linspace(1.0, 0.0, bins)),
        Operation(tone.autocontrast, evenly(0)),
        Operation(tone.equalize, evenly(0)),
    ]


def _around_one(
    adjust: Callable[[Array, Array], Array],
) -> Callable[[Array, Array], Array]:
    return lambda x, m: adjust(x, 1.0 + m)
