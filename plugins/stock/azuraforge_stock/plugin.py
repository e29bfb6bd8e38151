"""The task made of a CSV of prices, and forecasts from windows of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azuraforge.engine import Tensor, no_grad
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.device import put
from azuraforge.engine.nn import Module
from azuraforge.engine.nn import functional as F
from azuraforge.engine.random import Generator, using
from azuraforge.errors import DataError
from azuraforge.plugin import Example, Task
from azuraforge_stock import prices
from azuraforge_stock.config import DataConfig, StockConfig
from azuraforge_stock.forecaster import Forecaster
from azuraforge_stock.metrics import mostly_rises, report
from azuraforge_stock.samples import Samples, Scaler, split, split_edges, window_changes


class StockPlugin:
    """A price forecast by an LSTM, measured beside the forecast that nothing changes."""

    name = "stock"
    summary = "forecast a price with an LSTM, beside the persistence baseline"
    version = version("azuraforge-stock")
    config = StockConfig

    def build(self, config: StockConfig, generator: Generator) -> Task:
        """The task: the rows cut by time, their changes scaled by those of the training rows.

        Raises: DataError.
        """
        splits = split(_read(config.data), config.data)
        scaler, rises = splits.scaler, mostly_rises(splits.train)

        def metrics(outputs: NDArray[np.float32], rows: TensorDataset) -> dict[str, float]:
            _, _, last, truth = rows.arrays
            return report(scaler.price(outputs[:, 0], last), last, truth, rises=rises)

        with using(generator.child("weights")):
            model = self.model(config, scaler.state())
        train, validation, test = map(_dataset, (splits.train, splits.validation, splits.test))
        return Task(
            name=task_name(config.data.path),
            model=model,
            train=train,
            validation=validation,
            test=test,
            loss=F.mse_loss,
            metrics=metrics,
            monitor="rmse",
            mode="min",
            state=scaler.state(),
            live={"model.dropout": model.set_dropout},
            unit="windows",
        )

    def model(self, config: StockConfig, state: Mapping[str, Any]) -> Forecaster:
        """The network for the columns of this config."""
        return Forecaster(len(config.data.columns), config.model)

    def predict(
        self, model: Module, config: StockConfig, state: Mapping[str, Any], inputs: Sequence[Any]
    ) -> list[dict[str, Any]]:
        """The price `horizon` rows after each window, its change from the window's last row.

        Raises: DataError naming the first input that is no window of rows, and its row.
        """
        if not inputs:
            return []
        columns, scaler = config.data.columns, Scaler.of(state)
        windows = np.array([_window(value, i, config.data) for i, value in enumerate(inputs)])
        device = next(model.parameters()).device
        model.eval()
        with no_grad():
            x = scaler.features(window_changes(windows))
            outputs = model(Tensor(put(x, device))).numpy()
        last = windows[:, -1, columns.index(config.data.target)]
        forecasts = scaler.price(outputs[:, 0], last)
        return [_forecast(*pair) for pair in zip(forecasts.tolist(), last.tolist(), strict=True)]

    def examples(self, config: StockConfig, generator: Generator, count: int) -> list[Example]:
        """Windows of test rows, the newest last, and the prices that came after."""
        data = config.data
        history = _read(data)
        *_, begin, end = split_edges(len(history.values), data)
        target = history.column(data.target)
        found = []
        for row in range(max(begin, end - count), end):
            stop = row - data.horizon + 1
            window = history.values[stop - data.window : stop].tolist()
            rows = [dict(zip(history.columns, values, strict=True)) for values in window]
            found.append(Example(input=rows, truth=float(target[row])))
        return found


def task_name(path: str) -> str:
    """`stock-aapl` for …/AAPL.csv: what a model may be called."""
    stem = re.sub(r"[^a-z0-9._-]+", "-", Path(path).stem.lower()).strip("-")
    return f"stock-{stem}"[:100].rstrip("-")


def _read(config: DataConfig) -> prices.Prices:
    return prices.read(config.path, config.columns, date=config.date)


def _dataset(samples: Samples) -> TensorDataset:
    return TensorDataset(*samples)


def _forecast(price: float, last: float) -> dict[str, Any]:
    change = price - last
    return {"close": price, "change": change, "direction": "up" if change >= 0 else "down"}


def _window(value: Any, index: int, config: DataConfig) -> list[list[float]]:
    columns = ", ".join(config.columns)
    if not isinstance(value, list | tuple) or len(value) != config.window:
        given = f"{len(value)} rows" if isinstance(value, list | tuple) else repr(value)[:80]
        raise DataError(
            f"input {index}: {given}; allowed: a list of {config.window} rows, oldest first, each "
            f"with {columns}"
        )
    return [_row(row, f"input {index}, row {i}", config.columns) for i, row in enumerate(value)]


def _row(row: Any, where: str, columns: tuple[str, ...]) -> list[float]:
    if isinstance(row, Mapping):
        missing = [column for column in columns if column not in row]
        if missing:
            raise DataError(
                f"{where}: no {', '.join(missing)}; allowed: a number for each of "
                f"{', '.join(columns)}"
            )
        cells = [row[column] for column in columns]
    elif isinstance(row, list | tuple) and len(row) == len(columns):
        cells = list(row)
    else:
        raise DataError(
            f"{where}: {repr(row)[:80]}; allowed: numbers by name, or a list in the order "
            f"{', '.join(columns)}"
        )
    return [_number(cell, where, name) for cell, name in zip(cells, columns, strict=True)]


def _number(cell: Any, where: str, column: str) -> float:
    number = None if isinstance(cell, str) else prices.price(cell)
    if number is None:
        raise DataError(f"{where}: {column} is {cell!r}; allowed: a number > 0")
    return number
