"""Prices as what the network sees: scaled changes, cut into windows and splits by time.

A change is the logarithm of a row over the row before, so that a price of 100 and one of 1,000 are
alike. A sample belongs to the split in which its *target* row lies; its window reaches back, into
an earlier split at the edges, as a forecast made on that day would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azuraforge.engine.data import StandardScaler, sliding_windows
from azuraforge.errors import DataError
from azuraforge_stock.config import DataConfig
from azuraforge_stock.prices import Prices

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Scaler:
    """The scalers of the changes in the training rows: of every column, and of the target."""

    columns: StandardScaler
    moves: StandardScaler

    def features(self, changes: Numbers) -> NDArray[np.float32]:
        scaled: Numbers = self.columns.transform(changes)
        return scaled.astype(np.float32)

    def target(self, change: Numbers) -> NDArray[np.float32]:
        scaled: Numbers = self.moves.transform(change)
        return scaled.astype(np.float32)

    def price(self, output: NDArray[Any], last: Numbers) -> Numbers:
        """The price that an output of the network means, seen from the last known one."""
        change = self.moves.inverse_transform(output.astype(np.float64))
        forecast: Numbers = last * np.exp(change)
        return forecast

    def state(self) -> dict[str, Any]:
        """As plain JSON values; `Scaler.of` reads it back."""
        columns, moves = self.columns.state_dict(), self.moves.state_dict()
        return {
            "mean": columns["shift"].tolist(),
            "std": columns["scale"].tolist(),
            "target_mean": float(moves["shift"]),
            "target_std": float(moves["scale"]),
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Scaler:
        scaler = cls(StandardScaler(), StandardScaler())
        scaler.columns.load_state_dict({"shift": state["mean"], "scale": state["std"]})
        scaler.moves.load_state_dict({"shift": state["target_mean"], "scale": state["target_std"]})
        return scaler


class Samples(NamedTuple):
    """Shape: x (n, window - 1, columns) float32; y (n, 1) float32; last, truth (n,) float64

    `last` is the price on a window's last row, `truth` the one `horizon` rows later.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    last: Numbers
    truth: Numbers


class Splits(NamedTuple):
    """The samples in the order of time, and the scaler made of the training rows."""

    scaler: Scaler
    train: Samples
    validation: Samples
    test: Samples


def split(prices: Prices, config: DataConfig) -> Splits:
    """The samples of three spans of time, the last one for the test.

    Raises: DataError for too few rows, and for a column that never moves in the training rows.
    """
    edges = split_edges(len(prices.values), config)
    scaler = fit(prices, edges[1], config)
    train, validation, test = (
        samples(prices, scaler, config, begin, end) for begin, end in pairwise(edges)
    )
    return Splits(scaler, train, validation, test)


def split_edges(rows: int, config: DataConfig) -> tuple[int, int, int, int]:
    """Rows at which the targets of train, validation and test begin, and the end of the last.

    Raises: DataError.
    """
    test, validation = round(rows * config.test), round(rows * config.validation)
    first = config.window - 1 + config.horizon  # the first row with a whole window before it
    train = rows - test - validation - first
    if min(train, validation, test) < 2:
        raise DataError(
            f"{config.path}: {rows} rows give {max(train, 0)} training, {validation} validation "
            f"and {test} test samples; each needs 2 at least: use more rows, or a smaller "
            f"data.window (now {config.window})"
        )
    return first, rows - test - validation, rows - test, rows


def fit(prices: Prices, training_rows: int, config: DataConfig) -> Scaler:
    """The scaler of the first `training_rows` rows.

    Raises: DataError for a column whose changes are all alike.
    """
    changes = np.diff(np.log(prices.values[:training_rows]), axis=0)
    target = np.log(prices.column(config.target)[:training_rows])
    moves = target[config.horizon :] - target[: -config.horizon]
    spreads = (*changes.std(axis=0), moves.std())
    for column, spread in zip((*prices.columns, config.target), spreads, strict=True):
        if spread < 1e-12:
            raise DataError(
                f"{config.path}: {column} always changes alike in the {training_rows} training "
                f"rows; there is nothing to learn from it: leave it out of data.features"
            )
    return Scaler(StandardScaler().fit(changes), StandardScaler().fit(moves))


def samples(prices: Prices, scaler: Scaler, config: DataConfig, begin: int, end: int) -> Samples:
    """The samples whose target lies in rows `begin` to `end` - 1."""
    ends = np.arange(begin, end) - config.horizon  # the last row of each window
    target = prices.column(config.target)
    last, truth = target[ends], target[begin:end]
    windows = sliding_windows(prices.values, config.window)
    x = window_changes(windows[ends - config.window + 1])
    return Samples(scaler.features(x), scaler.target(np.log(truth / last))[:, None], last, truth)


def window_changes(windows: Numbers) -> Numbers:
    """Row-to-row changes. Shape: (n, window, columns) -> (n, window - 1, columns)"""
    changes: Numbers = np.diff(np.log(windows), axis=1)
    return changes
