"""How good forecasts are, in the units of the file, beside two forecasts that need no network.

Persistence says that the price stays what it is: no network worth its time does worse. It has no
direction, so the direction is held against the one that was the more frequent in the training rows,
said every time.
"""

from __future__ import annotations

import numpy as np

from azuraforge_stock.samples import Numbers, Samples


def report(forecast: Numbers, last: Numbers, truth: Numbers, *, rises: bool) -> dict[str, float]:
    """MAE, RMSE, R² and share of right directions of the forecast, and of the two baselines.

    `rises` is the direction that the training rows took more often. A price that stays counts as
    one that rises.

    Shape: forecast, last, truth (n,)
    """
    up = truth >= last
    return {
        **_errors(forecast, truth, ""),
        "direction_accuracy": float(np.mean((forecast >= last) == up)),
        **_errors(last, truth, "persistence_"),
        "majority_direction_accuracy": float(np.mean(up == rises)),
    }


def mostly_rises(train: Samples) -> bool:
    """Whether the price rose, or stayed, in at least half of the training samples."""
    return bool(np.mean(train.truth >= train.last) >= 0.5)


def _errors(forecast: Numbers, truth: Numbers, prefix: str) -> dict[str, float]:
    error = forecast - truth
    return {
        f"{prefix}mae": float(np.mean(np.abs(error))),
        f"{prefix}rmse": float(np.sqrt(np.mean(error**2))),
        f"{prefix}r2": _r2(error, truth),
    }


def _r2(error: Numbers, truth: Numbers) -> float:
    """1 - error² / variance; where the truth never moves, 1 for no error, else 0.

    Source: scikit-learn's r2_score(force_finite=True), so that a metric is always a number.
    """
    spread = float(np.sum((truth - truth.mean()) ** 2))
    if spread == 0.0:
        return float(not error.any())
    return 1.0 - float(np.sum(error**2)) / spread
