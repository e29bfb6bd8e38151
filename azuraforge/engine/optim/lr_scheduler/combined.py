"""Schedulers made of schedulers: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from azuraforge.engine.optim.lr_scheduler.plateau import ReduceLROnPlateau
from azuraforge.engine.optim.lr_scheduler.scheduler import LRScheduler, allow, put_rate
from azuraforge.engine.optim.optimizer import Optimizer
from azuraforge.errors import ConfigError


class SequentialLR(LRScheduler):
    """The first scheduler until step milestones[0], then the second from its epoch 0, and so on."""

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        _check(self, schedulers, optimizer)
        for i, scheduler in enumerate(schedulers[1:], 1):
            if isinstance(scheduler, SequentialLR | ChainedScheduler):
                raise ConfigError(
                    f"SequentialLR: schedulers[{i}] is a {type(scheduler).__name__}, which has no "
                    "epoch 0 to begin at; allowed: as the first, or its parts in its place"
                )
        allowed = f"{len(schedulers) - 1} steps, one less than schedulers"
        allow(self, "milestones", milestones, allowed, len(milestones) == len(schedulers) - 1)
        self.optimizer = optimizer
        self._schedulers = list(schedulers)
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:  # as it was before the schedulers' first steps
            put_rate(group, group["initial_lr"])
        _undo(self)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first.begin()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:
        self.last_epoch += 1
        place = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[place]
        if place > 0 and self._milestones[place - 1] == self.last_epoch:
            scheduler.restart()
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(LRScheduler):
    """All schedulers at each step, in their order."""

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        _check(self, schedulers, optimizer)
        self.optimizer = schedulers[0].optimizer
        self._schedulers = list(schedulers)
        self._last_lr = self.current()

    def step(self) -> None:
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self.current()


def _check(
    combined: LRScheduler, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None
) -> None:
    """Raise ConfigError unless these are schedulers of one optimizer that need no metric."""
    who = type(combined).__name__
    if not schedulers:
        raise ConfigError(f"{who}: no schedulers; allowed: one or more")
    for i, scheduler in enumerate(schedulers):
        kind = type(scheduler).__name__
        if not isinstance(scheduler, LRScheduler):
            raise ConfigError(f"{who}: schedulers[{i}] is {kind}; allowed: schedulers")
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ConfigError(
                f"{who}: schedulers[{i}] is a ReduceLROnPlateau, whose step needs a metric; "
                "step it by itself"
            )
        if scheduler.optimizer is not (optimizer or schedulers[0].optimizer):
            raise ConfigError(f"{who}: schedulers[{i}], a {kind}, is of another optimizer")


def _undo(scheduler: LRScheduler) -> None:
    """Take the first step of every scheduler back: each begins when its turn comes."""
    if isinstance(scheduler, SequentialLR | ChainedScheduler):
        for part in scheduler._schedulers:
            _undo(part)
    else:
        scheduler.last_epoch -= 1
