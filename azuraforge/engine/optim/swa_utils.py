"""Averages of a model over its training, and the schedule that goes with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, Literal

import numpy as np

from azuraforge.engine.device import put
from azuraforge.engine.grad.autograd import no_grad
from azuraforge.engine.nn.module import Buffer, Module
from azuraforge.engine.nn.norm import BatchNorm
from azuraforge.engine.optim.lr_scheduler.scheduler import LRScheduler, allow, per_group
from azuraforge.engine.optim.optimizer import Optimizer
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Tensor], Tensor]  # average, model's, how many before -> new
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], None]  # in place


class AveragedModel(Module):
    """A copy of a model whose parameters follow the model's: by default their mean so far.

    `avg_fn` gives the new value of one parameter, `multi_avg_fn` changes those of all in place.
    Buffers are averaged, too, with `use_buffers`; otherwise they become the model's own.

    Source: Izmailov et al. (2018), Averaging weights leads to wider optima and better
    generalization.
    """

    def __init__(
        self,
        model: Module,
        device: str | None = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ConfigError("AveragedModel: avg_fn and multi_avg_fn; allowed: one of them")
        self.module = deepcopy(model)
        if device is not None:
            self.module.to(device)
        for parameter in self.module.parameters():
            parameter.grad = None
        self.n_averaged = Buffer(np.zeros((), np.int64))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *inputs: Any) -> Any:
        return self.module(*inputs)

    def update_parameters(self, model: Module) -> None:
        """Take in the model as it is now; the first time, become it."""
        parameters = list(self.module.parameters())
        own = [*parameters, *self.module.buffers()]
        other = [*model.parameters(), *model.buffers()]
        averaged = len(own) if self.use_buffers else len(own) - len(list(model.buffers()))
        recorded = tape.current()
        if recorded is not None:
            recorded.refuse("it updates an AveragedModel; do that after the step's call")
        is_first = not self.n_averaged.data
        averaged = 0 if is_first else len(own) if self.use_buffers else len(parameters)
        with no_grad():
            if averaged:
                self._average(own[:averaged], other[:averaged])
            for mine, its in zip(own[averaged:], other[averaged:], strict=True):
                mine.data[...] = put(its.data, mine.device)
        self.n_averaged.data += 1

    def _average(self, own: Sequence[Tensor], other: Sequence[Tensor]) -> None:
        own = [tensor.detach() for tensor in own]
        other = [Tensor(put(its.data, mine.device)) for mine, its in zip(own, other, strict=True)]
        if self.multi_avg_fn is not None:
            self.multi_avg_fn(own, other, self.n_averaged)
            return
        average = self.avg_fn or get_swa_avg_fn()
        for mine, its in zip(own, other, strict=True):
            mine.data[...] = average(mine, its, self.n_averaged).data


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """average + (1 - decay) (model - average), for AveragedModel's avg_fn."""
    part = _part_of_model(decay)
    return lambda average, model, count: _between(average, model, part)


def get_swa_avg_fn() -> Average:
    """average + (model - average) / (count + 1), the mean of all, for AveragedModel's avg_fn."""
    return lambda average, model, count: _between(average, model, 1 / (int(count.data) + 1))


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """average += (1 - decay) (model - average), for AveragedModel's multi_avg_fn."""
    part = _part_of_model(decay)
    return lambda averages, models, count: _move(averages, models, part)


def get_swa_multi_avg_fn() -> MultiAverage:
    """average += (model - average) / (count + 1), for AveragedModel's multi_avg_fn."""
    return lambda averages, models, count: _move(averages, models, 1 / (int(count.data) + 1))


def update_bn(loader: Iterable[Any], model: Module, device: str | None = None) -> None:
    """Set the running statistics of every batch-norm to their means over the loader's batches.

    A batch is the model's input, or a list or tuple that begins with it.
    """
    norms = [m for _, m in model.named_modules() if isinstance(m, BatchNorm)]
    norms = [m for m in norms if m.running_mean is not None]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    modes = [(module, module.training) for _, module in model.named_modules()]
    for norm in norms:
        _reset(norm)
    model.train()
    try:
        with no_grad():
            for i, batch in enumerate(loader):
                x = batch[0] if isinstance(batch, list | tuple) else batch
                for norm in norms:
                    norm.momentum = 1 / (i + 1)
                model(x if device is None else x.to(device))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes:
            module.training = mode


class SWALR(LRScheduler):
    """From the rate in force to `swa_lr` within `anneal_epochs`, then constant.

    Computed from the rate of the epoch before, so that others may change it in between.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        is_known = anneal_strategy in ("cos", "linear")
        allow(self, "anneal_strategy", anneal_strategy, "cos, linear", is_known)
        allow(self, "anneal_epochs", anneal_epochs, "anneal_epochs >= 0", anneal_epochs >= 0)
        rates = per_group(self, "swa_lr", optimizer, swa_lr)
        for group, lr in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = lr
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t = self._step_count - 1
        if self.anneal_epochs == 0:
            t = max(1, t)
        before, now = self._part(t - 1), self._part(t)
        targets = [group["swa_lr"] for group in self.optimizer.param_groups]
        rates = zip(self.current(), targets, strict=True)
        starts = [end if before == 1 else (lr - before * end) / (1 - before) for lr, end in rates]
        return [e * now + s * (1 - now) for s, e in zip(starts, targets, strict=True)]

    def _part(self, t: int) -> float:
        """How much of the way to swa_lr is behind at step t."""
        done = max(0, min(1, t / max(1, self.anneal_epochs)))
        return done if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * done)) / 2


def _reset(norm: BatchNorm) -> None:
    for buffer, value in (
        (norm.running_mean, 0),
        (norm.running_var, 1),
        (norm.num_batches_tracked, 0),
    ):
        if buffer is not None:
            buffer.data[...] = value


def _part_of_model(decay: float) -> float:
    if not 0 <= decay <= 1:
        raise ConfigError(f"AveragedModel: decay {decay}; allowed: 0 <= decay <= 1")
    return 1 - decay


def _between(average: Tensor, model: Tensor, part: float) -> Tensor:
    return Tensor(average.data + part * (model.data - average.data))


def _move(averages: Sequence[Tensor], models: Sequence[Tensor], part: float) -> None:
    for average, model in zip(averages, models, strict=True):
        average.data[...] = _between(average, model, part).data
