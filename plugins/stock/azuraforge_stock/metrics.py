"""How good forecasts are, in the units of the file, beside two forecasts that need no network.

Persistence says that the price stays what it is: no network worth its time does worse. It has no
direction, so the direction is held against the one that was the more frequent in the training rows,
said every time.
"""

from __future__ import annotations

import numpy as np

from azuraforge.engine.metrics import MAE, R2, RMSE
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
    found = {}
    for name, metric in (("mae", MAE()), ("rmse", RMSE()), ("r2", R2())):
        metric.update(forecast, truth)
        found[f"{prefix}{name}"] = metric.compute()
    return found
