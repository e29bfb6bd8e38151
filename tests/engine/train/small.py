"""A loop small enough to be run whole, some hundred times, in a test."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np

from azuraforge.engine import nn, optim
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.nn import functional
from azuraforge.engine.random import Generator
from azuraforge.engine.train import Loop

ROWS, BATCH, EPOCHS = 22, 5, 3
STEPS = 5  # per epoch


def dataset(rows: int = ROWS, seed: int = 0) -> TensorDataset:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 4)).astype(np.float32)
    return TensorDataset(x, (x[:, 0] > 0).astype(np.int64))


def accuracy(output: Any, data: TensorDataset) -> dict[str, float]:
    return {"accuracy": float((output.argmax(1) == data.arrays[1]).mean())}


def mlp(generator: Generator, *, dropout: float = 0.5, is_normed: bool = False) -> nn.Sequential:
    norms = [nn.BatchNorm1d(8)] if is_normed else []
    return nn.Sequential(
        nn.Linear(4, 8, generator=generator),
        *norms,
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(8, 2, generator=generator),
    )


def small_loop(
    *, seed: int = 1, model: nn.Module | None = None, optimizer: Any = None, **options: Any
) -> Loop:
    generator = Generator(seed)
    model = model or mlp(generator.child("weights"))
    make = optimizer or (lambda parameters: optim.Adam(parameters, lr=0.01))
    given = {
        "loss": functional.cross_entropy,
        "metrics": accuracy,
        "train": dataset(),
        "validation": dataset(8, seed=1),
        "monitor": "loss",
        "mode": "min",
        "epochs": EPOCHS,
        "batch_size": BATCH,
        **options,
    }
    return Loop(model=model, optimizer=make(model.parameters()), generator=generator, **given)


def everything(loop: Loop) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """The loop's state, to be compared."""
    arrays, values = saved(loop)
    return {key: array.tolist() for key, array in arrays.items()}, values


def saved(loop: Loop) -> tuple[dict[str, Any], dict[str, Any]]:
    """The loop's state as it comes back from a file."""
    arrays, values = copy.deepcopy(loop.state_dict())
    return arrays, json.loads(json.dumps(values))
