"""Multilayer perceptrons."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from benchmarks.library import Library
from benchmarks.workload import Workload


def mlp(
    inputs: int, hidden: int, classes: int, *, batch: int, goal: float, depth: int = 1
) -> Workload:
    """`depth` hidden layers with ReLU after each, and a last one."""

    def model(library: Library) -> Any:
        nn = library.nn
        widths = [inputs, *[hidden] * depth]
        layers = [(nn.Linear(a, b), nn.ReLU()) for a, b in itertools.pairwise(widths)]
        return nn.Sequential(*itertools.chain(*layers), nn.Linear(hidden, classes))

    def batch_of(rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.standard_normal((batch, inputs), np.float32)
        return x, rng.integers(0, classes, batch)

    return Workload(
        name=f"mlp-{inputs}-{hidden}-{classes}",
        text=f"MLP {inputs}-{hidden}-{classes}, batch {batch}",
        goal=goal,
        model=model,
        batch=batch_of,
        loss=lambda library, y, target: library.functional.cross_entropy(y, target),
    )


ROWS = (
    mlp(64, 64, 10, batch=32, goal=10.0),
    mlp(784, 256, 10, batch=128, goal=2.0),
)
SMALLEST = (mlp(5, 4, 3, batch=2, goal=1.0),)
