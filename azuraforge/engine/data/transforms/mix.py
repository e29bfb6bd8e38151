"""Batches mixed with themselves: images, and their labels in the same proportion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, put
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError


class _Mix:
    """`images, labels = mix(images, labels, generator)`: each image with the one before it.

    The share that an image keeps is one draw from Beta(alpha, alpha) for the whole batch. Labels
    are numbers of classes, or shares of every class; shares come back, in the images' type.

    Shape: images (batch, channels, height, width), labels (batch,) or (batch, num_classes)
           -> the images' shape, (batch, num_classes)
    """

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None) -> None:
        if not alpha > 0:
            raise ConfigError(f"{type(self).__name__}: alpha {alpha}; allowed: above 0")
        self.alpha = alpha
        self.num_classes = num_classes

    def __call__(
        self, images: Any, labels: Any, generator: Generator | None = None
    ) -> tuple[Any, Any]:
        x, classes = (put(a.data, "cpu") if isinstance(a, Tensor) else a for a in (images, labels))
        shares = self._shares(x, classes)
        generator = generator or default_generator()
        mixed, kept = self.mix(x, beta(generator, self.alpha, self.alpha), generator)
        targets = kept * shares + (1 - kept) * np.roll(shares, 1, axis=0)
        targets = targets.astype(x.dtype)
        if isinstance(images, Tensor):
            return Tensor(mixed).to(images.device), Tensor(targets).to(images.device)
        return mixed, targets

    def mix(self, x: Array, kept: float, generator: Generator) -> tuple[Array, float]:
        """The mixed images, and the share that each keeps."""
        raise NotImplementedError(f"{type(self).__name__}.mix is for a subclass to write")

    def _shares(self, x: Array, classes: Array) -> Array:
        name = type(self).__name__
        if x.ndim != 4 or x.dtype.kind != "f" or len(classes) != len(x):
            raise ShapeError(
                f"{name}: images {x.shape} of {x.dtype}, labels {classes.shape}; allowed: float "
                "images (batch, channels, height, width), labels (batch, …)"
            )
        if classes.ndim == 2 and classes.dtype.kind == "f":
            return classes
        if self.num_classes is None or classes.ndim != 1 or classes.dtype.kind not in "iu":
            raise ConfigError(
                f"{name}: labels {classes.shape} of {classes.dtype}, num_classes "
                f"{self.num_classes}; allowed: whole numbers (batch,) with num_classes, or shares "
                "(batch, num_classes)"
            )
        if not (classes.min() >= 0 and classes.max() < self.num_classes):
            raise ConfigError(
                f"{name}: labels up to {classes.max()}; allowed: 0 to num_classes - 1, "
                f"{self.num_classes - 1}"
            )
        return np.eye(self.num_classes, dtype=x.dtype)[classes]


class MixUp(_Mix):
    """Pixels mixed with those of another image.

    Source: Zhang et al. (2017), mixup: beyond empirical risk minimization.
    """

    def mix(self, x: Array, kept: float, generator: Generator) -> tuple[Array, float]:
        share = x.dtype.type(kept)
        return share * x + (1 - share) * np.roll(x, 1, axis=0), kept


class CutMix(_Mix):
    """A box of another image in each.

    Source: Yun et al. (2019), CutMix: regularization strategy to train strong classifiers.
    """

    def mix(self, x: Array, kept: float, generator: Generator) -> tuple[Array, float]:
        height, width = x.shape[2:]
        half = 0.5 * math.sqrt(1 - kept)
        left, right = _span(generator, width, half)
        top, bottom = _span(generator, height, half)
        mixed = x.copy()
        box = np.s_[:, :, top:bottom, left:right]
        mixed[box] = np.roll(x, 1, axis=0)[box]
        return mixed, 1 - (bottom - top) * (right - left) / (height * width)


def beta(generator: Generator, a: float, b: float) -> float:
    """A draw from Beta(a, b)."""
    x, y = gamma(generator, a), gamma(generator, b)
    return x / (x + y) if x + y > 0 else float(generator.bernoulli((), a / (a + b)))


def gamma(generator: Generator, shape: float) -> float:
    """A draw from Gamma(shape, 1).

    Source: Marsaglia and Tsang (2000), A simple method for generating gamma variables.
    """
    if shape < 1:
        lower = 1 - float(generator.uniform((), dtype=np.float64))  # never 0
        return gamma(generator, shape + 1) * float(lower ** (1 / shape))
    d = shape - 1 / 3
    while True:
        z = float(generator.normal((), dtype=np.float64))
        u = 1 - float(generator.uniform((), dtype=np.float64))
        v = (1 + z / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(u) < 0.5 * z * z + d - d * v + d * math.log(v):
            return d * v


def _span(generator: Generator, size: int, half: float) -> tuple[int, int]:
    middle, reach = int(generator.integers(0, size, ())), int(half * size)
    return max(middle - reach, 0), min(middle + reach, size)
