"""The training loop: an iterator of happenings whose whole state can be taken and put back.

Everything random comes from children of one generator, so a loop is a function of its arguments;
a loop loaded with another's state goes on exactly as that one would have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import numpy as np

from azuraforge.engine import compiling
from azuraforge.engine.data import DataLoader, TensorDataset
from azuraforge.engine.device import Array, put
from azuraforge.engine.grad.autograd import no_grad
from azuraforge.engine.nn import Module
from azuraforge.engine.optim import Optimizer
from azuraforge.engine.random import Generator
from azuraforge.engine.replay.capture import MOST_UNPROVEN
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.train import loop_state
from azuraforge.engine.train.average import Average
from azuraforge.engine.train.gradients import Batch, Gradients, Precision, clip
from azuraforge.engine.train.happenings import (
    EarlyStop,
    Epoch,
    Happening,
    LayerStatistics,
    Metrics,
    Step,
    Validation,
)
from azuraforge.engine.train.improvement import Improvement
from azuraforge.engine.train.layer_statistics import Comparison
from azuraforge.engine.train.live import checked
from azuraforge.engine.train.schedule import Plateau, Schedule
from azuraforge.errors import ConfigError

EVALUATION_ROWS = 1024  # per forward pass: bounds memory, not a result
CONSTANT = Schedule()


@dataclass(kw_only=True)
class Loop:
    """Trains `model` on `train`; iterate it for a Step per update and an Epoch per pass.

    A step is of `accumulate` batches. With `ema` the averaged weights are validated and kept as the
    best. It ends early after `patience` epochs without an improvement of the monitored metric by
    `min_delta`. `precision` float16 is mixed: products in half, the loss scaled; validation is of
    the weights as they are, in float32.
    """

    model: Module
    optimizer: Optimizer
    loss: Callable[[Tensor, Array], Tensor]
    metrics: Callable[[Array, TensorDataset], Metrics]
    train: TensorDataset
    validation: TensorDataset
    monitor: str
    mode: Literal["min", "max"]
    epochs: int
    batch_size: int
    generator: Generator
    device: str = "cpu"
    schedule: Schedule = CONSTANT
    accumulate: int = 1  # batches in a step
    clip_norm: float | None = None
    ema: float | None = None  # decay
    patience: int | None = None  # epochs
    min_delta: float = 0.0
    validate_every: int = 0  # steps; 0: after epochs only
    statistics_every: int = 0  # steps; 0: never
    precision: Precision = "float32"
    step: int = 0  # updates done
    epoch: int = 0  # passes done, their validation included
    best_epoch: int = 0
    best_step: int = 0
    best_validation: Metrics = field(default_factory=dict)
    best_weights: dict[str, Array] = field(default_factory=dict)
    is_stopping: bool = False  # early, and has told so
    sums: Metrics = field(default_factory=dict)  # of the present epoch, weighted by rows
    validated: int = 0  # the last step within an epoch that was
    pending: list[LayerStatistics] = field(default_factory=list)  # of the step just told
    # In force while a step is done: whoever wants to look at one puts it here.
    around: Callable[[Loop], AbstractContextManager[object]] = nullcontext

    def __post_init__(self) -> None:
        if self.accumulate < 1:
            raise ConfigError(f"accumulate {self.accumulate}; allowed: 1 or more batches")
        self.loader = DataLoader(
            self.train, self.batch_size, shuffle=True, generator=self.generator.child("order")
        )
        self.steps_per_epoch = -(-len(self.loader) // self.accumulate)  # the last may be smaller
        self.noise = self.generator.child("noise")  # dropout and the like
        self.gradients = Gradients(
            model=self.model,
            optimizer=self.optimizer,
            loss=self.loss,
            noise=self.noise,
            device=self.device,
            precision=self.precision,
        )
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]  # unscheduled
        self.average = None if self.ema is None else Average(self.model, self.ema)
        self.improvement = Improvement(mode=self.mode, min_delta=self.min_delta)
        self.plateau = Plateau(
            schedule=self.schedule,
            improvement=Improvement(mode=self.mode, min_delta=self.min_delta),
        )
        self._batches: Iterator[Any] = iter(())
        self._next: int | None = None  # the step whose batches come next

    @property
    def steps(self) -> int:
        """Updates in the whole run, unless it ends early."""
        return self.epochs * self.steps_per_epoch

    @property
    def is_done(self) -> bool:
        """Whether no update is left to do."""
        return self.is_stopping or self.step >= self.steps

    @property
    def lr(self) -> float:
        """The learning rate as it is set, before any schedule."""
        return self.rates[0]

    @property
    def manner(self) -> str:
        """How steps are done just now, in words; empty before that is known."""
        captured = self.gradients.captured
        if compiling.now() is not None:
            return "compiling kernels for this machine, once: some seconds"
        if self.precision == "float16" and self.device == "cpu":
            return "a CPU does half precision number by number: float32 is far faster here"
        if captured.reason is not None:
            return f"steps are eager, not replayed: {captured.reason}"
        if captured.is_replayed:
            return "steps are replayed from a recording"
        if self.step > MOST_UNPROVEN:
            return "steps are eager, not replayed: their shapes, or values they use, always change"
        return ""

    def __iter__(self) -> Iterator[Happening]:
        """Go on from the present step to the end. Raises: NonFiniteError."""
        while (happening := self._advance()) is not None:
            yield happening

    def set(self, path: str, value: Any) -> None:
        """Change a live setting between two steps.

        Raises: ConfigError for a path that is not live, and for a value that is not allowed.
        """
        value = checked(path, value)
        group, name = path.split(".")
        if group == "optim":
            self._set_optimizer(name, value)
        elif name == "epochs" and value < (begun := self.epoch + bool(self.sums)):
            raise ConfigError(f"{path}: got {value}; allowed: {begun} or more, which are begun")
        else:
            setattr(self, name, value)
            self.is_stopping &= name != "patience"  # which is then looked at anew

    def evaluate(self, dataset: TensorDataset) -> Metrics:
        """Loss and metrics over a whole dataset, of the model as it is, dropout off."""
        self.model.eval()
        outputs, total = [], 0.0
        with no_grad():
            for start in range(0, len(dataset), EVALUATION_ROWS):
                x, target, *_ = dataset[start : start + EVALUATION_ROWS]
                output = self.model(Tensor(put(x, self.device)))
                total += self.loss(output, put(target, self.device)).item() * len(x)
                outputs.append(output.detach().numpy())
        return {"loss": total / len(dataset), **self._measure(np.concatenate(outputs), dataset)}

    def state_dict(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Arrays, and plain values: all that decides how the loop goes on.

        The arrays are those in use: save or copy them before the next step.
        """
        return loop_state.taken(self)

    def load_state_dict(self, arrays: Mapping[str, Array], values: Mapping[str, Any]) -> None:
        """Become the loop that `state_dict` was taken of. Raises: ConfigError, ShapeError."""
        loop_state.put_back(self, arrays, values)
        self._next = None

    def _advance(self) -> Happening | None:
        """The next happening; None at the end."""
        if self.pending:
            return self.pending.pop(0)
        if self.is_stopping or self.epoch >= self.epochs:
            return None
        done = self.step - self.epoch * self.steps_per_epoch
        if not done and self.patience is not None and self.improvement.stale >= self.patience:
            return self._stop_early()
        if done == self.steps_per_epoch:
            return self._end_epoch()
        if self._owes_validation(done):
            return self._validate_within()
        batches = self._group(done)
        with self.around(self):
            return self._train_step(batches)

    def _group(self, done: int) -> Sequence[Batch]:
        """The batches of the next step, `done` steps into the epoch."""
        if self._next != self.step:
            self._batches = self.loader.batches(self.epoch + 1, done * self.accumulate)
        self._next = self.step + 1
        return list(islice(self._batches, self.accumulate))

    def _train_step(self, batches: Sequence[Batch]) -> Step:
        found = self.gradients.of(batches, self.step + 1)
        every, before = self.statistics_every, None
        if every and (self.step + 1) % every == 0:
            before = Comparison(self.model, is_usable=found.is_usable)
        if self.clip_norm is not None:
            clip(self.optimizer, found.norm, self.clip_norm)
        lr = self._schedule()
        self.gradients.apply()
        if self.average is not None:
            self.average.take()
        self.step += 1
        if before is not None:
            self.pending.append(before.after(self.step))
        rows = _joined(batches)
        metrics = self._measure(found.output, rows)
        for key, value in {"loss": found.loss, "rows": 1.0, **metrics}.items():
            self.sums[key] = self.sums.get(key, 0.0) + value * len(rows)
        return Step(
            step=self.step,
            epoch=self.epoch + 1,
            loss=found.loss,
            lr=lr,
            grad_norm=found.norm,
            metrics=metrics,
            rows=len(rows),
        )

    def _schedule(self) -> float:
        """Give the optimizer the rates of the next step; that of its first group."""
        factor = self.schedule.factor(self.step, self.steps) * self.plateau.factor
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        return self.rates[0] * factor

    def _owes_validation(self, done: int) -> bool:
        """Whether the present step, which is not the last of its epoch, is yet to be validated."""
        if not self.validate_every or not done or self.validated == self.step:
            return False
        return self.step % self.validate_every == 0

    def _validate_within(self) -> Validation:
        validation, is_best = self._validate()
        self.validated = self.step
        return Validation(
            step=self.step, epoch=self.epoch + 1, validation=validation, is_best=is_best
        )

    def _end_epoch(self) -> Epoch:
        rows = self.sums["rows"]
        train = {key: total / rows for key, total in self.sums.items() if key != "rows"}
        validation, is_best = self._validate()
        self.improvement.take(validation[self.monitor])
        self.plateau.take(validation[self.monitor])
        self.sums = {}
        self._next = None
        self.epoch += 1
        return Epoch(
            epoch=self.epoch, step=self.step, train=train, validation=validation, is_best=is_best
        )

    def _validate(self) -> tuple[Metrics, bool]:
        """The validation metrics, and whether they are the best so far, which is then kept."""
        with nullcontext() if self.average is None else self.average.in_force():
            validation = self.evaluate(self.validation)
            if self.monitor not in validation:
                raise ConfigError(f"monitor {self.monitor!r} is not among {sorted(validation)}")
            is_best = not self.best_epoch or self._better(validation)
            if is_best:
                self.best_epoch, self.best_step = self.epoch + 1, self.step
                self.best_validation = validation
                self.best_weights = {k: a.copy() for k, a in self.model.state_dict().items()}
        return validation, is_best

    def _better(self, validation: Metrics) -> bool:
        new, best = validation[self.monitor], self.best_validation[self.monitor]
        return new > best if self.mode == "max" else new < best

    def _stop_early(self) -> EarlyStop:
        self.is_stopping = True
        return EarlyStop(
            step=self.step,
            epoch=self.epoch,
            reason=f"{self.improvement.stale} epochs brought no better validation {self.monitor} "
            f"than {self.improvement.best:.6g} (training.patience)",
        )

    def _set_optimizer(self, name: str, value: float) -> None:
        if name == "lr":
            self.rates = [value] * len(self.rates)
            return
        for group in self.optimizer.param_groups:
            if name not in group:
                kind = type(self.optimizer).__name__
                raise ConfigError(f"optim.{name}: {kind} has none; choose an optimizer that does")
            group[name] = value

    def _measure(self, output: Array, rows: TensorDataset) -> Metrics:
        """The metrics as Python's own numbers, which a checkpoint can keep, whatever they were."""
        return {name: float(value) for name, value in self.metrics(output, rows).items()}


def _joined(batches: Sequence[Batch]) -> TensorDataset:
    """The rows of all batches."""
    if len(batches) == 1:
        return TensorDataset(*batches[0])
    return TensorDataset(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))
