"""The gradients of one update: forward and backward of its batches, captured, as one mean.

An update of several batches has the loss and the gradients of one batch of all their rows, up to
rounding: each batch counts by its rows, so that a short last one does not count too much. What a
batch-norm layer sees is one batch after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from azuraforge.engine.amp import GradScaler, autocast
from azuraforge.engine.device import Array, module_of, put
from azuraforge.engine.nn import Module
from azuraforge.engine.optim import Optimizer
from azuraforge.engine.random import Generator, using
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.train.nonfinite import explain
from azuraforge.engine.train.update import Update
from azuraforge.errors import ConfigError

Batch = tuple[Array, ...]  # the input, the target, and what metrics want besides
Precision = Literal["float32", "float16"]


class Outcome(NamedTuple):
    """What came with the gradients; `is_usable`: none was lost to half precision."""

    loss: float
    output: Array
    norm: float
    is_usable: bool


@dataclass(kw_only=True)
class Gradients:
    """Puts the gradients of a step's batches into the parameters."""

    model: Module
    optimizer: Optimizer
    loss: Callable[[Tensor, Array], Tensor]
    noise: Generator  # dropout and the like
    device: str
    precision: Precision
    scaler: GradScaler = field(init=False)

    def __post_init__(self) -> None:
        if self.precision not in ("float32", "float16"):
            raise ConfigError(f"precision {self.precision!r}; allowed: float32, float16")
        self.scaler = GradScaler(enabled=self.precision == "float16")
        self._eager = self._new_step()
        self.captured = capture(self._eager)
        self.update = Update(self.optimizer)
        self._buffers = list(self.model.buffers())
        self.model.train()
        self._sums: dict[Tensor, Tensor] = {}  # of several batches' gradients

    def of(self, batches: Sequence[Batch], step: int) -> Outcome:
        """Loss, outputs and the norm of the gradients, which the parameters then have.

        Raises: NonFiniteError naming the step; all is then as it was before.
        """
        before = self._state()
        loss, output = self._mean(batches)
        if math.isfinite(loss):
            self.scaler.unscale_(self.optimizer)
            norm = gradient_norm(self.optimizer)
            if math.isfinite(norm):
                return Outcome(loss, output, norm, True)
            if self.scaler.get_scale() > 1 and not self._are_finite():
                return Outcome(loss, output, 0.0, False)
        self._put_back(before)
        try:
            raise explain(self.model, batches, self._watched, step, loss)
        finally:
            self._put_back(before)

    def apply(self) -> None:
        """The optimizer's step, unless half precision lost gradients; the scale for the next."""
        if not self.scaler.is_enabled():
            self.update(is_replayed=self.captured.is_replayed)
            return
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def _watched(self, batch: Batch) -> None:
        self._run(batch, self._eager)

    def _mean(self, batches: Sequence[Batch]) -> tuple[float, Array]:
        if not self.model.training:  # it was evaluated
            self.model.train()
        if len(batches) == 1:
            return self._run(batches[0], self.captured)
        rows = sum(len(batch[0]) for batch in batches)
        loss, outputs, reached = 0.0, [], set[Tensor]()
        for batch in batches:
            share = len(batch[0]) / rows
            part, output = self._run(batch, self.captured)
            loss += share * part
            outputs.append(output.copy())  # the next replay overwrites it
            self._add(share, reached)
        for parameter in reached:
            parameter.grad = self._sums[parameter]
        return loss, np.concatenate(outputs)

    def _add(self, share: float, reached: set[Tensor]) -> None:
        """Add a batch's share to the sums of the parameters that its gradients reach."""
        for parameter in self.optimizer.params:
            if parameter.grad is None:
                continue
            g = parameter.grad.data
            if parameter not in self._sums:
                self._sums[parameter] = Tensor(module_of(g).empty_like(g))
            total = self._sums[parameter].data
            if parameter in reached:
                total += share * g
            else:
                module_of(g).multiply(g, share, out=total)
                reached.add(parameter)

    def _run(
        self, batch: Batch, step: Callable[[Tensor, Array], tuple[Tensor, Tensor]]
    ) -> tuple[float, Array]:
        x, target, *_ = batch
        loss, output = step(Tensor(put(x, self.device)), put(target, self.device))
        found = output.detach().numpy()
        return loss.item(), found.astype(np.float32) if found.dtype == np.float16 else found

    def _new_step(self) -> Callable[[Tensor, Array], tuple[Tensor, Tensor]]:
        """The part of a step that is captured; a function of what it names and no more."""
        model, optimizer, loss_of, noise = self.model, self.optimizer, self.loss, self.noise
        if not self.scaler.is_enabled():

            def step(x: Tensor, target: Array) -> tuple[Tensor, Tensor]:
                optimizer.zero_grad()
                with using(noise):
                    output = model(x)
                    loss = loss_of(output, target)
                loss.backward()
                return loss, output

            return step
        scaler, device = self.scaler, self.device

        def mixed(x: Tensor, target: Array) -> tuple[Tensor, Tensor]:
            optimizer.zero_grad()
            with using(noise), autocast(device):
                output = model(x)
                loss = loss_of(output, target)
            scaler.scale(loss).backward()
            return loss, output

        return mixed

    def _state(self) -> _State:
        return _State(self.noise.state, [buffer.data.copy() for buffer in self._buffers])

    def _put_back(self, state: _State) -> None:
        self.noise.move_to(state.noise)
        for buffer, copy in zip(self._buffers, state.buffers, strict=True):
            buffer.data[...] = copy
        self.optimizer.zero_grad()
        self.scaler.update(self.scaler.get_scale())  # the same, with nothing unscaled

    def _are_finite(self) -> bool:
        gradients = (p.grad.data for p in self.optimizer.params if p.grad is not None)
        return all(bool(module_of(g).isfinite(g).all()) for g in gradients)


class _State(NamedTuple):
    """What a forward pass changes."""

    noise: tuple[int, int]
    buffers: list[Array]


def gradient_norm(optimizer: Optimizer) -> float:
    """The Euclidean norm of all gradients together; Inf where a square overflows."""
    squares = 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks, and explains
        for parameter in optimizer.params:
            if parameter.grad is not None:
                flat = parameter.grad.data.reshape(-1)
                squares += float(flat @ flat)
    return math.sqrt(squares)


def clip(optimizer: Optimizer, norm: float, largest: float) -> None:
    """Scale all gradients, whose norm is given, down together to the largest norm allowed.

    g *= min(1, largest / (norm + 1e-6)), as PyTorch's clip_grad_norm_.
    """
    scale = largest / (norm + 1e-6)
    if scale >= 1:
        return
    for parameter in optimizer.params:
        if parameter.grad is not None:
            g = parameter.grad.data
            g *= scale
