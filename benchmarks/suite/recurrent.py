"""Forecasters: a recurrent layer over the past, the next value from its last output."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from benchmarks.library import Library
from benchmarks.workload import Workload


def forecaster(
    kind: str,
    hidden: int,
    *,
    batch: int,
    goal: float,
    time: int = 60,
    features: int = 5,
    layers: int = 1,
) -> Workload:
    """LSTM or GRU, and a linear head on the last step."""

    def model(library: Library) -> Any:
        nn = library.nn

        class Forecaster(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.recurrent = getattr(nn, kind)(features, hidden, layers, batch_first=True)
                self.head = nn.Linear(hidden, 1)

            def forward(self, x: Any) -> Any:
                y, _ = self.recurrent(x)
                return self.head(y[:, -1])

        return Forecaster()

    def batch_of(rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.standard_normal((batch, time, features), np.float32)
        return x, rng.standard_normal((batch, 1), np.float32)

    return Workload(
        name=f"{kind.lower()}-{hidden}",
        text=f"{kind}, {time} steps of {features} features, hidden {hidden}, batch {batch}",
        goal=goal,
        model=model,
        batch=batch_of,
        loss=lambda library, y, target: library.functional.mse_loss(y, target),
    )


ROWS = (
    forecaster("LSTM", 50, batch=32, goal=1.7),
    forecaster("LSTM", 64, batch=32, goal=1.7),
    forecaster("LSTM", 128, batch=64, goal=1.3),
    forecaster("LSTM", 256, batch=64, goal=1.3),
    forecaster("GRU", 128, batch=64, goal=1.3),
)
SMALLEST = (
    forecaster("LSTM", 3, batch=2, time=4, features=2, goal=1.0),
    forecaster("GRU", 3, batch=2, time=4, features=2, goal=1.0),
)
