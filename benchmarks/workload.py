"""What a row of the table is, and how each library comes to a step of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from benchmarks.library import Library

BATCHES = 32  # so many that a model cannot learn them by heart, and its gradients stay normal
SEED = 7

Step = Callable[[Any, Any], Any]  # (x, target) -> loss


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model, its batches and its loss, written once for both libraries.

    `goal` is how many times faster than PyTorch eager a replayed step is to be.
    """

    name: str
    text: str
    goal: float
    model: Callable[[Library], Any]
    batch: Callable[[np.random.Generator], tuple[Array, Array]]  # x, target
    loss: Callable[[Library, Any, Any], Any]  # of the model's output and the target
    optimizer: str = "Adam"
    lr: float = 1e-3
    tolerance: float = 1e-4  # of a loss or output, relative; float32 rounding made 3e-6 of it

    @cached_property
    def batches(self) -> list[tuple[Array, Array]]:
        """The same for both libraries, and each time."""
        rng = np.random.default_rng(SEED)
        return [self.batch(rng) for _ in range(BATCHES)]


class Side:
    """A workload in one library: the model in training mode, its optimizer, its batches."""

    def __init__(
        self, library: Library, workload: Workload, state: dict[str, Array] | None = None
    ) -> None:
        self.library = library
        self.workload = workload
        library.manual_seed(SEED)
        self.model = workload.model(library)
        if state is not None:
            self.model.load_state_dict(state)
        kind = getattr(library.optim, workload.optimizer)
        options = library.optimizer_options
        self.optimizer = kind(self.model.parameters(), lr=workload.lr, **options)
        self.batches = [
            (library.tensor(x), library.tensor(target)) for x, target in workload.batches
        ]

    def train_step(self, x: Any, target: Any) -> Any:
        """One update; the loss before it."""
        self.optimizer.zero_grad()
        loss = self.workload.loss(self.library, self.model(x), target)
        loss.backward()
        self.optimizer.step()
        return loss

    def training(self, step: Step | None = None) -> Callable[[], Any]:
        """`step` (train_step, if it is not given) on one batch after the other, without end."""
        step = step or self.train_step
        turns = itertools.cycle(self.batches)
        return lambda: step(*next(turns))

    def inference(self) -> Callable[[], Any]:
        """The model's output for one sample."""
        x, _ = self.workload.batches[0]
        sample = self.library.tensor(x[:1].copy())
        model = self.library.frozen(self.model.eval(), sample)

        def infer() -> Any:
            with self.library.without_gradients():
                return model(sample)

        return infer
