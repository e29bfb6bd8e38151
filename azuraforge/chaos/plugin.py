"""A plugin for rows to train: small, with all that a checkpoint has to keep, as slow as asked.

Only processes that a row starts can see it: `installed` writes the metadata that names it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from azuraforge.engine.data import TensorDataset
from azuraforge.engine.nn import BatchNorm1d, Dropout, Linear, Module, ReLU, Sequential
from azuraforge.engine.nn.functional import mse_loss
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.plugin import Example, Task
from azuraforge.schema.config import PluginConfig

INPUTS = 4
HELD_OUT = 32


class ChaosConfig(PluginConfig, frozen=True, kw_only=True):
    rows: Annotated[int, Meta(ge=16, le=100_000, description="for training")] = 512
    width: Annotated[int, Meta(ge=1, le=4096, description="units of the hidden layer")] = 16
    pause_ms: Annotated[float, Meta(ge=0, le=1000, description="added to each step")] = 0.0
    hunger_mb: Annotated[int, Meta(ge=0, le=1000, description="memory kept per step")] = 0


class ChaosPlugin:
    """A curve learned through dropout and a batch norm: random numbers, buffers, an optimizer."""

    name = "chaos"
    summary = "a curve for faults to be tried on"
    version = "1"
    config = ChaosConfig

    def build(self, config: ChaosConfig, generator: Generator) -> Task:
        train, validation, test = (
            _rows(count, generator.child(name))
            for name, count in (("train", config.rows), ("val", HELD_OUT), ("test", HELD_OUT))
        )
        return Task(
            name="chaos",
            model=Curve(config),
            train=train,
            validation=validation,
            test=test,
            loss=mse_loss,
            metrics=_Errors(config),
            monitor="loss",
            mode="min",
        )

    def model(self, config: ChaosConfig, state: Mapping[str, Any]) -> Module:
        return Curve(config)

    def predict(
        self, model: Module, config: ChaosConfig, state: Mapping[str, Any], inputs: Sequence[Any]
    ) -> list[dict[str, Any]]:
        outputs = model(Tensor(np.asarray(inputs, np.float32))).numpy()
        return [{"y": float(y)} for (y,) in outputs]

    def examples(self, config: ChaosConfig, generator: Generator, count: int) -> list[Example]:
        x, y = _rows(HELD_OUT, generator.child("test")).arrays
        pairs = list(zip(x, y, strict=True))[:count]
        return [Example(input=a.tolist(), truth=float(b[0])) for a, b in pairs]


class Curve(Module):
    """Two layers with a batch norm and dropout between."""

    def __init__(self, config: ChaosConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = Sequential(
            Linear(INPUTS, width), BatchNorm1d(width), ReLU(), Dropout(0.2), Linear(width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class _Errors:
    """The mean error; waits, and grows fat, as the config says, since a forward is replayed."""

    def __init__(self, config: ChaosConfig) -> None:
        self._pause_s = config.pause_ms / 1000
        self._hunger_bytes = config.hunger_mb << 20
        self._eaten: list[bytes] = []

    def __call__(self, outputs: Any, rows: TensorDataset) -> dict[str, float]:
        time.sleep(self._pause_s)
        self._eaten.append(b"\x01" * self._hunger_bytes)
        return {"error": float(np.abs(outputs - rows.arrays[1]).mean())}


def installed(folder: Path) -> Path:
    """A folder that makes the plugin known to whoever has it on its path."""
    metadata = folder / "site" / "azuraforge_chaos-1.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: azuraforge-chaos\nVersion: 1\n"
    )
    entry = "[azuraforge.plugins]\nchaos = azuraforge.chaos.plugin:plugin\n"
    (metadata / "entry_points.txt").write_text(entry)
    return metadata.parent


def _rows(count: int, generator: Generator) -> TensorDataset:
    x = generator.normal((count, INPUTS)).astype(np.float32)
    y = np.sin(x.sum(axis=1, keepdims=True)) + 0.1 * generator.normal((count, 1))
    return TensorDataset(x, y.astype(np.float32))


plugin = ChaosPlugin()
