"""The runs that rows disturb: of the chaos plugin, of images, of prices made up here."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta

from azuraforge.chaos.row import Case
from azuraforge.schema.specs import CheckpointPolicy, RunSpec

ROWS = 400  # of prices

SpecOf = Callable[[Case], RunSpec]


def chaos(case: Case) -> RunSpec:
    """128 steps of a small network with dropout and a batch norm."""
    return RunSpec(
        plugin="chaos",
        config={"training.epochs": 4, "training.batch_size": 16},
        checkpoint=CheckpointPolicy(every_steps=10),
    )


def images(case: Case) -> RunSpec:
    """80 steps of the small CNN, on the digits that come with the plugin."""
    return RunSpec(
        plugin="images",
        config={"training.epochs": 4, "training.batch_size": 64},
        checkpoint=CheckpointPolicy(every_steps=7),
    )


def stock(case: Case) -> RunSpec:
    """The LSTM on prices that go up and down in the row's own folder."""
    path = case.folder / "prices.csv"
    lines = [_prices(day) for day in range(ROWS)]
    path.write_text("\n".join(["Date,Open,High,Low,Close,Volume", *lines, ""]))
    return RunSpec(
        plugin="stock",
        config={
            "data.path": str(path),
            "training.epochs": 6,
            "training.batch_size": 16,
            "model.hidden": 16,
        },
        checkpoint=CheckpointPolicy(every_steps=9),
    )


def _prices(day: int) -> str:
    price = 100 + day / 10 + 5 * math.sin(day / 7) + 2 * math.sin(day / 1.7)
    prices = ",".join(f"{price + offset:.2f}" for offset in (-0.5, 1.0, -1.5, 0.3))
    return f"{date(2020, 1, 1) + timedelta(days=day)},{prices},{1000 + day}"
