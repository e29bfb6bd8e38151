"""A plugin that learns y = 2 x₁ - 3 x₂ + noise in microseconds, and fails where it is told to."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta, Struct

from azuraforge.engine.data import TensorDataset
from azuraforge.engine.nn import Dropout, Linear, Module, Sequential
from azuraforge.engine.nn.functional import mse_loss
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.threads import threads
from azuraforge.errors import DataError
from azuraforge.plugin import Example, Task
from azuraforge.schema.config import OptimizerConfig, PluginConfig, TrainingConfig

Fault = Literal[
    "",
    "nan-loss",
    "build",
    "unpicklable",
    "data",
    "nan-test",
    "kill",
    "kill-once",
    "slow-build",
    "slip",
]


class FaultConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall go wrong, and when."""

    kind: Fault = ""
    step: int = 3
    gate: str = ""  # a file: each training step, or a slow build, waits until it is there


class TinyConfig(PluginConfig, frozen=True, kw_only=True):
    optim: OptimizerConfig = OptimizerConfig(name="sgd", lr=0.05)
    training: TrainingConfig = TrainingConfig(epochs=3, batch_size=8)
    fault: FaultConfig = FaultConfig()
    noise: Annotated[float, Meta(ge=0, le=10, description="of the target")] = 0.1
    monitor: Literal["loss", "within", "threads"] = "loss"
    rows: Annotated[int, Meta(ge=8, le=10_000, description="for training")] = 20


class UnpicklableError(Exception):
    """An error of a stranger's that does not survive the way between processes."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")
        self.lock = threading.Lock()


class TinyPlugin:
    name = "tiny"
    summary = "a line through noise"
    version = "0.1"
    config = TinyConfig

    def build(self, config: TinyConfig, generator: Generator) -> Task:
        fail(config.fault.kind)
        if config.fault.kind == "slow-build":
            Path(f"{config.fault.gate}.reached").touch()
            wait_for(config.fault.gate)
        parts = {
            name: rows(count, config.noise, generator.child(name))
            for name, count in {"train": config.rows, "validation": 12, "test": 12}.items()
        }
        if config.fault.kind == "nan-test":
            parts["test"].arrays[1][0] = np.nan
        return Task(
            name="tiny",
            model=Watched(config.fault),
            loss=mse_loss,
            metrics=in_force if config.monitor == "threads" else within,
            monitor=config.monitor,
            mode="min" if config.monitor == "loss" else "max",
            state={"unit": "m"},
            **parts,
        )

    def model(self, config: TinyConfig, state: Mapping[str, Any]) -> Module:
        return Watched(FaultConfig())

    def predict(
        self, model: Module, config: TinyConfig, state: Mapping[str, Any], inputs: Sequence[Any]
    ) -> list[dict[str, Any]]:
        x = np.asarray(inputs, np.float32)
        if x.ndim != 2 or x.shape[1] != 2:
            raise DataError(f"inputs: shape {x.shape}; allowed: (count, 2)")
        return [{"y": float(y), **state} for (y,) in model(Tensor(x)).numpy()]

    def examples(self, config: TinyConfig, generator: Generator, count: int) -> list[Example]:
        x, y = rows(12, config.noise, generator.child("test")).arrays
        return [Example(input=a.tolist(), truth=float(b[0])) for a, b in zip(x, y, strict=True)][
            :count
        ]


class Watched(Module):
    """A linear model behind dropout, whose training steps can wait, fail or die."""

    def __init__(self, fault: FaultConfig) -> None:
        super().__init__()
        last = Slipping(4, 1, fault.step) if fault.kind == "slip" else Linear(4, 1)
        self.line = Sequential(Linear(2, 4), Dropout(0.1), last)
        self.fault = fault
        self.step = 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.step += 1
            self.misbehave()
        if self.training and self.fault.kind == "nan-loss" and self.step >= self.fault.step:
            x = x / 0.0
        return self.line(x)

    def misbehave(self) -> None:
        wait_for(self.fault.gate)
        if self.step == self.fault.step and self.is_fatal():
            os.kill(os.getpid(), signal.SIGKILL)

    def is_fatal(self) -> bool:
        """Whether to die now: every time, or unless the gate says that it has happened before."""
        died = Path(f"{self.fault.gate}.died")
        is_first = self.fault.kind == "kill-once" and not died.exists()
        if is_first:
            died.touch()
        return is_first or self.fault.kind == "kill"


class Slipping(Linear):
    """A layer that is a little off in training where a batch is not full: at every third step."""

    def __init__(self, inputs: int, outputs: int, thousandths: int) -> None:
        super().__init__(inputs, outputs)
        self.off = 1.0 + thousandths / 1000

    def forward(self, x: Tensor) -> Tensor:
        is_off = self.training and len(x) < 8
        return super().forward(x * (self.off if is_off else 1.0))


def wait_for(gate: str) -> None:
    while gate and not Path(gate).exists():
        time.sleep(0.005)


def rows(count: int, noise: float, generator: Generator) -> TensorDataset:
    x = generator.normal((count, 2))
    y = x @ np.array([[2.0], [-3.0]], np.float32) + noise * generator.normal((count, 1))
    return TensorDataset(x, y.astype(np.float32))


def within(outputs: Any, dataset: TensorDataset) -> dict[str, float]:
    """The share of rows predicted to within 0.5, as the NumPy scalar that a plugin may give."""
    return {"within": (np.abs(outputs - dataset.arrays[1]) < 0.5).mean(dtype=np.float32)}


def in_force(outputs: Any, dataset: TensorDataset) -> dict[str, float]:
    """How many threads kernels may use where the model is trained."""
    return {"threads": threads()}


def fail(kind: Fault) -> None:
    if kind == "build":
        raise ValueError("a bug in the plugin")
    if kind == "unpicklable":
        raise UnpicklableError(1, 2)
    if kind == "data":
        raise DataError("tiny.csv: 0 rows; allowed: 1 or more")


plugin = TinyPlugin()
