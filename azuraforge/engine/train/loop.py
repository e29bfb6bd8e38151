"""The training loop: an iterator of steps and epochs whose whole state can be taken and put back.

Everything random comes from children of one generator, so a loop is a function of its arguments;
a loop loaded with another's state goes on exactly as that one would have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from azuraforge.engine import compiling
from azuraforge.engine.data import DataLoader, TensorDataset
from azuraforge.engine.device import Array, module_of, put
from azuraforge.engine.grad.autograd import detect_anomaly, no_grad
from azuraforge.engine.nn import Module
from azuraforge.engine.optim import Optimizer
from azuraforge.engine.optim.flat import flat, nested
from azuraforge.engine.random import Generator, using
from azuraforge.engine.replay.capture import MOST_UNPROVEN, capture
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, NonFiniteError

EVALUATION_ROWS = 1024  # per forward pass: bounds memory, not a result
Metrics = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One update: metrics are of its batch, before it."""

    step: int
    epoch: int
    loss: float
    lr: float
    grad_norm: float
    metrics: Metrics
    rows: int


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass: means over its batches, and validation after it."""

    epoch: int
    step: int
    train: Metrics
    validation: Metrics
    is_best: bool


Happening = Step | Epoch


@dataclass(kw_only=True)
class Loop:
    """Trains `model` on `train`; iterate it for a Step per update and an Epoch per pass."""

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
    step: int = 0  # updates done
    epoch: int = 0  # passes done, their validation included
    best_epoch: int = 0
    best_validation: Metrics = field(default_factory=dict)
    best_weights: dict[str, Array] = field(default_factory=dict)
    _sums: Metrics = field(default_factory=dict)  # of the present epoch, weighted by rows

    def __post_init__(self) -> None:
        self.loader = DataLoader(
            self.train, self.batch_size, shuffle=True, generator=self.generator.child("order")
        )
        self.noise = self.generator.child("noise")  # dropout and the like
        self._eager = self._new_step()
        self.captured = capture(self._eager)

    @property
    def steps(self) -> int:
        """Updates in the whole run."""
        return self.epochs * len(self.loader)

    @property
    def is_done(self) -> bool:
        """Whether no update is left to do."""
        return self.step >= self.steps

    @property
    def lr(self) -> float:
        """The learning rate as it is set, before any schedule."""
        return float(self.optimizer.param_groups[0]["lr"])

    def set(self, path: str, value: Any) -> None:
        """Give a setting a new value from the next step on. Raises: ConfigError."""
        group, _, name = path.partition(".")
        if group != "optim" or name not in self.optimizer.param_groups[0]:
            raise ConfigError(f"set: {path!r} is no setting of the loop")
        for parameters in self.optimizer.param_groups:
            parameters[name] = value

    @property
    def manner(self) -> str:
        """How steps are done just now, in words; empty before that is known."""
        if compiling.now() is not None:
            return "compiling kernels for this machine, once: some seconds"
        if self.captured.reason is not None:
            return f"steps are eager, not replayed: {self.captured.reason}"
        if self.captured.is_replayed:
            return "steps are replayed from a recording"
        if self.step > MOST_UNPROVEN:
            return "steps are eager, not replayed: their shapes, or values they use, always change"
        return ""

    def __iter__(self) -> Iterator[Step | Epoch]:
        """Go on from the present step to the end. Raises: NonFiniteError."""
        while self.epoch < self.epochs:
            done = self.step - self.epoch * len(self.loader)
            for batch in self.loader.batches(self.epoch + 1, done):
                yield self._train_step(batch)
            yield self._end_epoch()

    def evaluate(self, dataset: TensorDataset) -> Metrics:
        """Loss and metrics over a whole dataset, dropout off."""
        self.model.eval()
        outputs, total = [], 0.0
        with no_grad():
            for start in range(0, len(dataset), EVALUATION_ROWS):
                x, target, *_ = dataset[start : start + EVALUATION_ROWS]
                output = self.model(self._tensor(x))
                total += self.loss(output, put(target, self.device)).item() * len(x)
                outputs.append(output.detach().numpy())
        return {"loss": total / len(dataset), **self._measure(np.concatenate(outputs), dataset)}

    def state_dict(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Arrays, and plain values: all that decides how the loop goes on.

        The arrays are those in use: save or copy them before the next step.
        """
        optimizer, settings = flat(self.optimizer.state_dict())
        arrays = {
            **{f"model.{key}": array for key, array in self.model.state_dict().items()},
            **{f"optim.{key}": array for key, array in optimizer.items()},
            **{f"best.{key}": array for key, array in self.best_weights.items()},
        }
        values = {
            "step": self.step,
            "epoch": self.epoch,
            "optimizer": settings,
            "noise": list(self.noise.state),
            "best_epoch": self.best_epoch,
            "best_validation": self.best_validation,
            "sums": self._sums,
        }
        return {key: put(array, "cpu") for key, array in arrays.items()}, values

    def load_state_dict(self, arrays: Mapping[str, Array], values: Mapping[str, Any]) -> None:
        """Become the loop that `state_dict` was taken of. Raises: ConfigError, ShapeError."""
        self.model.load_state_dict(_below(arrays, "model."))
        optimizer = nested(_below(arrays, "optim."), values["optimizer"])
        self.optimizer.load_state_dict(optimizer)
        self.step = values["step"]
        self.epoch = values["epoch"]
        self.noise.move_to(tuple(values["noise"]))
        self.best_epoch = values["best_epoch"]
        self.best_validation = dict(values["best_validation"])
        self.best_weights = {key: array.copy() for key, array in _below(arrays, "best.").items()}
        self._sums = dict(values["sums"])

    def _train_step(self, batch: tuple[Array, ...]) -> Step:
        noise = self.noise.state
        loss, output = self._forward_backward(batch, self.captured)
        norm = _gradient_norm(self.optimizer)
        if not math.isfinite(loss) or not math.isfinite(norm):
            self._explain(batch, noise, loss)
        self.optimizer.step()
        self.step += 1
        rows = len(batch[0])
        metrics = self._measure(output, TensorDataset(*batch))
        for key, value in {"loss": loss, "rows": 1.0, **metrics}.items():
            self._sums[key] = self._sums.get(key, 0.0) + value * rows
        return Step(
            step=self.step,
            epoch=self.epoch + 1,
            loss=loss,
            lr=float(self.optimizer.param_groups[0]["lr"]),
            grad_norm=norm,
            metrics=metrics,
            rows=rows,
        )

    def _forward_backward(
        self, batch: tuple[Array, ...], step: Callable[[Tensor, Array], tuple[Tensor, Tensor]]
    ) -> tuple[float, Array]:
        self.model.train()
        x, target, *_ = batch
        loss, output = step(self._tensor(x), put(target, self.device))
        return loss.item(), output.detach().numpy()

    def _new_step(self) -> Callable[[Tensor, Array], tuple[Tensor, Tensor]]:
        """The part of a step that is captured; a function of what it names and no more."""
        model, optimizer, loss_of, noise = self.model, self.optimizer, self.loss, self.noise

        def step(x: Tensor, target: Array) -> tuple[Tensor, Tensor]:
            optimizer.zero_grad()
            with using(noise):
                output = model(x)
                loss = loss_of(output, target)
            loss.backward()
            return loss, output

        return step

    def _explain(self, batch: tuple[Array, ...], noise: tuple[int, int], loss: float) -> None:
        """Do the step again, watched, to name the first op that made NaN or Inf."""
        where = f"step {self.step + 1}: loss {loss}"
        for key, array in self.model.state_dict().items():
            if not bool(module_of(array).isfinite(array).all()):
                raise NonFiniteError(f"{where}; parameter {key} is not finite before the step")
        for array in batch:
            if array.dtype.kind == "f" and not bool(module_of(array).isfinite(array).all()):
                raise NonFiniteError(f"{where}; the batch itself holds NaN or Inf")
        self.noise.move_to(noise)
        try:
            with detect_anomaly():
                self._forward_backward(batch, self._eager)
        except NonFiniteError as error:
            raise NonFiniteError(f"{where}; {error}") from None
        raise NonFiniteError(f"{where}; no single op made it: the gradient norm overflowed")

    def _end_epoch(self) -> Epoch:
        rows = self._sums["rows"]
        train = {key: total / rows for key, total in self._sums.items() if key != "rows"}
        validation = self.evaluate(self.validation)
        if self.monitor not in validation:
            raise ConfigError(f"monitor {self.monitor!r} is not among {sorted(validation)}")
        is_best = not self.best_epoch or self._better(validation)
        if is_best:
            self.best_epoch, self.best_validation = self.epoch + 1, validation
            self.best_weights = {k: a.copy() for k, a in self.model.state_dict().items()}
        self._sums = {}
        self.epoch += 1
        return Epoch(
            epoch=self.epoch, step=self.step, train=train, validation=validation, is_best=is_best
        )

    def _better(self, validation: Metrics) -> bool:
        new, best = validation[self.monitor], self.best_validation[self.monitor]
        return new > best if self.mode == "max" else new < best

    def _measure(self, output: Array, rows: TensorDataset) -> Metrics:
        """The metrics as Python's own numbers, which a checkpoint can keep, whatever they were."""
        return {name: float(value) for name, value in self.metrics(output, rows).items()}

    def _tensor(self, x: Array) -> Tensor:
        return Tensor(put(x, self.device))


def _gradient_norm(optimizer: Optimizer) -> float:
    """The Euclidean norm of all gradients together; Inf where a square overflows."""
    squares = 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks, and explains
        for parameter in optimizer.params:
            if parameter.grad is not None:
                flat = parameter.grad.data.reshape(-1)
                squares += float(flat @ flat)
    return math.sqrt(squares)


def _below(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
