"""Metrics of numbers: how far predictions are from what is true."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.metrics.metric import Metric, Numbers, State, check_equal
from azuraforge.errors import ShapeError


class _Mean(Metric):
    """The mean, over all numbers, of an error that a subclass names. Shape: equal, of any rank"""

    def of(self, prediction: Numbers, target: Numbers) -> State:
        check_equal(type(self).__name__, prediction, target)
        errors = self.error(prediction.astype(np.float64), target.astype(np.float64))
        return {"sum": np.asarray(errors.sum()), "count": np.asarray(errors.size)}

    def figure(self, state: State) -> float:
        return float(state["sum"] / state["count"])

    def error(self, prediction: Numbers, target: Numbers) -> Any:
        raise NotImplementedError


class MAE(_Mean):
    """The mean absolute error."""

    def error(self, prediction: Numbers, target: Numbers) -> Any:
        return np.abs(prediction - target)


class MSE(_Mean):
    """The mean squared error."""

    def error(self, prediction: Numbers, target: Numbers) -> Any:
        return np.square(prediction - target)


class RMSE(MSE):
    """The root of the mean squared error, of all numbers together."""

    def figure(self, state: State) -> float:
        return float(np.sqrt(super().figure(state)))


class MAPE(_Mean):
    """The mean absolute error as a share of what is true: 0.1 is 10 %; near 0 it is huge."""

    def error(self, prediction: Numbers, target: Numbers) -> Any:
        return np.abs(prediction - target) / np.maximum(np.abs(target), np.finfo(np.float64).eps)


class R2(Metric):
    """1 - squared error / spread of what is true; the mean over columns.

    Where a column's truth never moves it is 1 for no error, else 0, so that it is always a number.

    Shape:  (batch,) or (batch, columns), equal
    Source: scikit-learn's r2_score; Chan et al. (1982), Updating formulae, for merging spreads.
    """

    def of(self, prediction: Numbers, target: Numbers) -> State:
        check_equal("R2", prediction, target)
        if target.ndim not in (1, 2):
            raise ShapeError(f"R2: shape {target.shape}; allowed: (batch,) or (batch, columns)")
        truth, mean = target.astype(np.float64), target.mean(axis=0, dtype=np.float64)
        return {
            "count": np.asarray(len(truth)),
            "error": np.square(prediction - truth).sum(axis=0),
            "mean": mean,
            "spread": np.square(truth - mean).sum(axis=0),
        }

    def merged(self, one: State, other: State) -> State:
        count = one["count"] + other["count"]
        apart, share = other["mean"] - one["mean"], other["count"] / count
        between = np.square(apart) * one["count"] * share
        return {
            "count": np.asarray(count),
            "error": one["error"] + other["error"],
            "mean": one["mean"] + apart * share,
            "spread": one["spread"] + other["spread"] + between,
        }

    def figure(self, state: State) -> float:
        error, spread = np.atleast_1d(state["error"]), np.atleast_1d(state["spread"])
        still = spread == 0
        each = 1 - error / np.where(still, 1, spread)
        return float(np.where(still, error == 0, each).mean())
