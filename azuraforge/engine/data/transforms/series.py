"""Series changed in value and in time.

Source: Um et al. (2017), Data augmentation of wearable sensor data; Le Guennec et al. (2016), Data
augmentation for time series classification, for window slices.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from azuraforge.engine.data.transforms.transform import Transform, places
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError

SLOWEST = 0.05  # of the mean speed of time: it never stands still or runs backwards


class _Series(Transform):
    """Changes series (…, time, channels), each by draws of its own."""

    axes: ClassVar[tuple[str, ...]] = ("time", "channels")

    def __init__(self, sigma: float) -> None:
        if sigma < 0:
            raise ConfigError(f"{type(self).__name__}: sigma {sigma}; allowed: 0 or more")
        self.sigma = sigma


class Jitter(_Series):
    """Every number with noise of its own."""

    def __init__(self, sigma: float = 0.03) -> None:
        super().__init__(sigma)

    def apply(self, x: Array, generator: Generator) -> Array:
        y: Array = x + generator.normal(x.shape, std=self.sigma, dtype=x.dtype)
        return y


class Scaling(_Series):
    """Every channel times a factor around 1."""

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__(sigma)

    def apply(self, x: Array, generator: Generator) -> Array:
        y: Array = x * generator.normal((len(x), 1, x.shape[2]), 1.0, self.sigma, x.dtype)
        return y


class _Warp(_Series):
    """Draws curves around 1: cubic splines through `knots` points between the ends."""

    def __init__(self, sigma: float = 0.2, knots: int = 4) -> None:
        super().__init__(sigma)
        if knots < 0:
            raise ConfigError(f"{type(self).__name__}: knots {knots}; allowed: 0 or more")
        self.knots = knots

    def curves(self, shape: tuple[int, ...], generator: Generator) -> Array:
        """One for every channel of every series. Shape: -> shape, (count, time, channels)"""
        count, time, channels = shape
        points = generator.normal((count, self.knots + 2, channels), 1.0, self.sigma, np.float64)
        return np.asarray(spline(self.knots + 2, time) @ points)


class MagnitudeWarp(_Warp):
    """Every channel times a smooth curve around 1."""

    def apply(self, x: Array, generator: Generator) -> Array:
        return x * self.curves(x.shape, generator).astype(x.dtype)


class TimeWarp(_Warp):
    """Time that runs faster and slower along a smooth curve; both ends stay where they are."""

    def apply(self, x: Array, generator: Generator) -> Array:
        count, time, _ = x.shape
        speeds = self.curves((count, time, 1), generator)[:, :, 0].clip(SLOWEST)
        passed = np.concatenate((np.zeros((count, 1)), speeds[:, 1:].cumsum(axis=1)), axis=1)
        last = np.where(passed[:, -1:] == 0, 1, passed[:, -1:])
        return resampled(x, passed / last * (time - 1))


class WindowSlice(Transform):
    """A window of a share of every series, stretched to its length."""

    axes: ClassVar[tuple[str, ...]] = ("time", "channels")

    def __init__(self, ratio: float = 0.9) -> None:
        if not 0 < ratio <= 1:
            raise ConfigError(f"WindowSlice: ratio {ratio}; allowed: above 0, up to 1")
        self.ratio = ratio

    def apply(self, x: Array, generator: Generator) -> Array:
        count, time, _ = x.shape
        length = max(int(np.ceil(self.ratio * time)), 1)
        begins = places(generator, np.full(count, time - length))
        return resampled(x, begins[:, None] + np.linspace(0, length - 1, time))


def resampled(x: Array, at: Array) -> Array:
    """The series at these times, on straight lines between its numbers.

    Shape: x (n, time, channels), at (n, times) -> (n, times, channels)
    """
    before = np.floor(at).astype(np.int64).clip(0, max(x.shape[1] - 2, 0))
    after = np.minimum(before + 1, x.shape[1] - 1)
    share = (at - before)[:, :, None].astype(x.dtype)
    low, high = (np.take_along_axis(x, n[:, :, None], axis=1) for n in (before, after))
    y: Array = low + (high - low) * share
    return y


def spline(points: int, time: int) -> Array:
    """The natural cubic spline through evenly spaced points, as a matrix. Shape: -> (time, points)

    Between points j and j + 1, at t from 0 to 1 with s = 1 - t and second derivatives M,
    y = s y_j + t y_j+1 + ((s³ - s) M_j + (t³ - t) M_j+1) / 6; M is 0 at the ends, and inside
    M_j-1 + 4 M_j + M_j+1 = 6 (y_j-1 - 2 y_j + y_j+1).
    """
    bend, second = np.eye(points), np.zeros((points, points))
    for j in range(1, points - 1):
        bend[j, j - 1 : j + 2] = (1, 4, 1)
        second[j, j - 1 : j + 2] = (6, -12, 6)
    moments = np.linalg.solve(bend, second)
    at = np.linspace(0, points - 1, time)
    left = np.floor(at).astype(np.int64).clip(0, points - 2)
    t, values = (at - left)[:, None], np.eye(points)
    s = 1 - t
    bent: Array = ((s**3 - s) * moments[left] + (t**3 - t) * moments[left + 1]) / 6
    return s * values[left] + t * values[left + 1] + bent
