"""What a transform is: an array in, an array out, and all that is random from a generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from azuraforge.engine.device import Array, put
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

Range: TypeAlias = tuple[float, float]


class Transform:
    """Changes samples of a batch, each with its own draw.

    `transform(x, generator)` gives for the same generator the same; without one it draws from the
    default generator, so a DataLoader's batches are the same with any number of workers. A subclass
    has `apply`, which gets all leading axes as one. Arrays stay arrays, tensors tensors (without
    their past), and x itself is never changed.
    """

    axes: ClassVar[tuple[str, ...]] = ("channels", "height", "width")  # of one sample
    kinds: ClassVar[str] = "f"  # of element types, as NumPy names them

    def __call__(self, x: Any, generator: Generator | None = None) -> Any:
        array = put(x.data, "cpu") if isinstance(x, Tensor) else x
        self._check(array)
        leading, sample = array.shape[: -len(self.axes)], array.shape[-len(self.axes) :]
        samples = array.reshape(math.prod(leading), *sample)
        y = self.apply(samples, generator or default_generator())
        y = y.astype(array.dtype, copy=False).reshape(*leading, *y.shape[1:])
        return Tensor(y).to(x.device) if isinstance(x, Tensor) else y

    def apply(self, x: Array, generator: Generator) -> Array:
        """The changed samples. Shape: x (n, …) -> (n, …)"""
        raise NotImplementedError(f"{type(self).__name__}.apply is for a subclass to write")

    def _check(self, array: Any) -> None:
        name, allowed = type(self).__name__, f"(…, {', '.join(self.axes)})"
        if not isinstance(array, np.ndarray) or array.ndim < len(self.axes):
            shape = getattr(array, "shape", type(array).__name__)
            raise ShapeError(f"{name}: {shape}; allowed: an array or tensor {allowed}")
        if array.dtype.kind not in self.kinds:
            wanted = "float numbers: x.astype('float32') / 255 for bytes"
            wanted = wanted if "f" in self.kinds else "whole numbers, the tokens"
            raise DTypeError(f"{name}: {array.dtype}; allowed: {wanted}")


class Compose:
    """Transforms, and other functions of one argument, one after the other."""

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, x: Any, generator: Generator | None = None) -> Any:
        generator = generator or default_generator()
        for transform in self.transforms:
            is_random = isinstance(transform, Transform | Compose)
            x = transform(x, generator) if is_random else transform(x)
        return x


def pair(name: str, size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) of a size that may be one number. Raises: ConfigError."""
    both = (size, size) if isinstance(size, int) else tuple(size)
    if len(both) == 1:
        both = both * 2
    if len(both) != 2 or min(both) < 1:
        raise ConfigError(f"{name}: size {size}; allowed: a number from 1, or (height, width)")
    return both


def probability(name: str, p: float) -> float:
    """p. Raises: ConfigError unless it is a probability."""
    if not 0 <= p <= 1:
        raise ConfigError(f"{name}: p {p}; allowed: 0 to 1")
    return p


def spread(name: str, value: Any, *, around: float | None = 0.0, least: float = -np.inf) -> Range:
    """The range that a number says (`around` it, and from `least`), or a pair as it is.

    Raises: ConfigError.
    """
    if isinstance(value, int | float):
        if value < 0 or around is None:
            raise ConfigError(f"{name} {value}; allowed: a number from 0, or (low, high)")
        low, high = max(around - value, least), around + value
    else:
        low, high = (float(v) for v in value)
    if not least <= low <= high:
        raise ConfigError(f"{name} {value}; allowed: (low, high), low <= high, from {least}")
    return low, high


def chosen(generator: Generator, count: int, p: float) -> Array:
    """Which of `count` samples a transform of probability p changes."""
    return np.asarray(generator.uniform((count,)) < p)


def drawn(generator: Generator, count: int, values: Range) -> Array:
    """Array evenly from a range, which may be a single one."""
    low, high = values
    if low == high:
        return np.full(count, low)
    return np.asarray(generator.uniform((count,), low, high, np.float64))


def places(generator: Generator, most: Array) -> Array:
    """A whole number for each, from 0 to `most` itself."""
    unit = generator.uniform(most.shape, dtype=np.float64)
    return np.floor(unit * (most + 1)).astype(np.int64)
