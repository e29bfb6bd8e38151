"""Scalers: made of training data alone, used on all, undone on forecasts, saved with the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from azuraforge.engine.device import module_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DataError, RefusedError, ShapeError

Numbers = NDArray[np.float64]
Pair = tuple[Any, Any]


class Scaler:
    """(x - shift) / scale, both made of training data by a subclass's `measure`.

    The last axis is that of features, each with its own pair; the numbers of a single axis are of
    one feature. A feature that never moves is shifted only. Tensors stay tensors, with their
    gradients; whole numbers become float64.
    """

    def __init__(self) -> None:
        self.shift: Numbers | None = None
        self.scale: Numbers | None = None

    def fit(self, x: Any) -> Self:
        """Measure the training data. Raises: DataError for none, NaN or Inf."""
        numbers = x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)
        if not numbers.size or not numbers.ndim or not np.isfinite(numbers).all():
            raise DataError(
                f"{type(self).__name__}.fit: shape {numbers.shape}, or NaN or Inf in it; allowed: "
                "finite numbers, one row at least"
            )
        rows = numbers.reshape(-1, *numbers.shape[1:][-1:]).astype(np.float64, copy=False)
        shift, scale = self.measure(rows)
        self.shift, self.scale = np.asarray(shift), np.asarray(scale)
        return self

    def transform(self, x: Any) -> Any:
        """The data, scaled. Raises: RefusedError before fit; ShapeError."""
        shift, scale, x = self._ready("transform", x)
        return (x - shift) / scale

    def inverse_transform(self, x: Any) -> Any:
        """The data that `transform` would make this of. Raises: RefusedError, ShapeError."""
        shift, scale, x = self._ready("inverse_transform", x)
        return x * scale + shift

    def fit_transform(self, x: Any) -> Any:
        """The training data, scaled."""
        return self.fit(x).transform(x)

    def state_dict(self) -> dict[str, Numbers]:
        """Arrays that `load_state_dict` goes on from. Raises: RefusedError before fit."""
        shift, scale = self._fitted("state_dict")
        return {"shift": shift.copy(), "scale": scale.copy()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Become the scaler that this was taken of: arrays, or lists of numbers."""
        self.shift = np.array(state_dict["shift"], np.float64)
        self.scale = np.array(state_dict["scale"], np.float64)

    def measure(self, rows: Numbers) -> Pair:
        """Shift and scale. Shape: rows (n, features) or (n,) -> (features,) or () each"""
        raise NotImplementedError(f"{type(self).__name__}.measure is for a subclass to write")

    def _fitted(self, name: str) -> tuple[Numbers, Numbers]:
        if self.shift is None or self.scale is None:
            raise RefusedError(
                f"{type(self).__name__}.{name}: not fitted; call fit with the training data first"
            )
        return self.shift, self.scale

    def _ready(self, name: str, x: Any) -> tuple[Any, Any, Any]:
        """Shift, scale and x, of one element type and on one device."""
        shift, scale = self._fitted(name)
        if not isinstance(x, Tensor) and module_of(x) is np:
            x = np.asarray(x)
        if shift.shape != x.shape[1:][-1:]:
            raise ShapeError(
                f"{type(self).__name__}.{name}: shape {tuple(x.shape)}, fitted to "
                f"{shift.shape or 'one axis'}; allowed: as many features as in fit"
            )
        if x.dtype.kind != "f":
            x = x.to("float64") if isinstance(x, Tensor) else x.astype(np.float64)
        xp = module_of(x.data if isinstance(x, Tensor) else x)
        return xp.asarray(shift, dtype=x.dtype), xp.asarray(scale, dtype=x.dtype), x


class StandardScaler(Scaler):
    """To mean 0 and standard deviation 1."""

    def measure(self, rows: Numbers) -> Pair:
        return rows.mean(axis=0), _or_one(rows.std(axis=0), rows)


class MinMaxScaler(Scaler):
    """To a range; what lies outside that of the training data, comes to lie outside it."""

    def __init__(self, feature_range: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__()
        low, high = feature_range
        if not low < high:
            raise ConfigError(f"MinMaxScaler: feature_range ({low}, {high}); allowed: low < high")
        self.feature_range = (low, high)

    def measure(self, rows: Numbers) -> Pair:
        low, high = self.feature_range
        least = rows.min(axis=0)
        scale = _or_one(rows.max(axis=0) - least, rows) / (high - low)
        return least - low * scale, scale


class RobustScaler(Scaler):
    """To median 0 and a distance of 1 between two quantiles, which outliers do not move."""

    def __init__(self, quantile_range: tuple[float, float] = (25.0, 75.0)) -> None:
        super().__init__()
        low, high = quantile_range
        if not 0 <= low < high <= 100:
            raise ConfigError(
                f"RobustScaler: quantile_range ({low}, {high}); allowed: 0 <= low < high <= 100"
            )
        self.quantile_range = (low, high)

    def measure(self, rows: Numbers) -> Pair:
        low, high = np.percentile(rows, self.quantile_range, axis=0)
        return np.median(rows, axis=0), _or_one(high - low, rows)


def _or_one(extent: Any, rows: Numbers) -> Any:
    """How far features reach, 1 for one that only moves by rounding."""
    rounding = 10 * np.finfo(np.float64).eps * np.abs(rows).max(axis=0)
    return np.where(extent <= rounding, 1.0, extent)
