"""Schedulers that go up and down."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from azuraforge.engine.optim.lr_scheduler.momentum import bounds, put_momentum, uses_beta1
from azuraforge.engine.optim.lr_scheduler.scheduler import LRScheduler, allow, per_group, put_rate
from azuraforge.engine.optim.optimizer import Group, Optimizer

Rates = float | list[float]


class CyclicLR(LRScheduler):
    """lr = base_lr + (max_lr - base_lr) height scale, up step_size_up steps and down again.

    height goes from 0 to 1 and back; scale is 1 ("triangular"), halves with each cycle
    ("triangular2"), is gamma^step ("exp_range"), or scale_fn of the cycle (1, 2, …) or step.
    Momentum goes the other way.

    Source: Smith (2017), Cyclical learning rates for training neural networks.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Rates,
        max_lr: Rates,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Rates = 0.8,
        max_momentum: Rates = 0.9,
        last_epoch: int = -1,
    ) -> None:
        base_lrs = per_group(self, "base_lr", optimizer, base_lr)
        self.max_lrs = per_group(self, "max_lr", optimizer, max_lr)
        modes = ("triangular", "triangular2", "exp_range")
        allow(self, "mode", mode, f"{modes}, or a scale_fn", mode in modes or scale_fn is not None)
        allow(self, "step_size_up", step_size_up, "step_size_up > 0", step_size_up > 0)
        down = step_size_up if step_size_down is None else step_size_down
        allow(self, "step_size_down", down, "step_size_down > 0", down > 0)
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1(self, optimizer)
            both = bounds(self, optimizer, base_momentum, max_momentum, last_epoch)
            self.base_momentums, self.max_momentums = both
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                put_rate(group, lr)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """How high the cycle or step `x` goes, of max_lr - base_lr."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return float(0.5 ** (x - 1))
        return float(self.gamma**x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            groups = self.optimizer.param_groups
            every = zip(groups, self.base_momentums, self.max_momentums, strict=False)
            for group, low, high in every:
                put_momentum(group, high - (high - low) * height * scale)
        rates = zip(self.base_lrs, self.max_lrs, strict=False)
        return [low + (high - low) * height * scale for low, high in rates]


class OneCycleLR(LRScheduler):
    """From max_lr / div_factor to max_lr and down to final_div_factor times less, in total_steps.

    `pct_start` is the part of the steps that goes up; with `three_phase` as many go down again to
    where it began, and the rest on from there. Momentum goes the other way.

    Source: Smith and Topin (2019), Super-convergence.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Rates,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: Rates = 0.85,
        max_momentum: Rates = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        allow(self, "pct_start", pct_start, "0 <= pct_start <= 1", 0 <= pct_start <= 1)
        strategies = ("cos", "linear")
        allow(
            self, "anneal_strategy", anneal_strategy, f"{strategies}", anneal_strategy in strategies
        )
        greatest = per_group(self, "max_lr", optimizer, max_lr)
        self.total_steps = self._total(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1(self, optimizer)
            bounds(self, optimizer, base_momentum, max_momentum, last_epoch)
        if last_epoch == -1:
            for group, high in zip(optimizer.param_groups, greatest, strict=True):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def _total(self, steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
        if steps is None and epochs is not None and steps_per_epoch is not None:
            steps = epochs * steps_per_epoch
        allowed = "total_steps >= 1, or epochs >= 1 with steps_per_epoch >= 1"
        allow(self, "total_steps", steps, allowed, isinstance(steps, int) and steps >= 1)
        return int(steps or 0)

    def get_lr(self) -> list[float]:
        last = self.total_steps
        allow(
            self, "step", self.last_epoch, f"{last} steps, its total_steps", self.last_epoch <= last
        )
        return [self._of(group) for group in self.optimizer.param_groups]

    def _of(self, group: Group) -> float:
        start = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if self.last_epoch <= end or phase is self._schedule_phases[-1]:
                break
            start = end
        part = (self.last_epoch - start) / (end - start) if end != start else 1.0
        if self.cycle_momentum:
            first, last = group[phase["start_momentum"]], group[phase["end_momentum"]]
            put_momentum(group, self._between(first, last, part))
        return self._between(group[phase["start_lr"]], group[phase["end_lr"]], part)

    def _between(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2 * (math.cos(math.pi * part) + 1)


def _phases(total: int, part: float, three_phase: bool) -> tuple[dict[str, Any], ...]:
    """Where each phase ends, and what it goes between: names of settings of a group.

    A tuple: a state with another number of phases takes its place.
    """
    up = _phase(part * total - 1, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
    if not three_phase:
        down = _phase(total - 1, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))
        return up, down
    back = _phase(2 * part * total - 2, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum"))
    down = _phase(total - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum"))
    return up, back, down


def _phase(end: float, lr: tuple[str, str], momentum: tuple[str, str]) -> dict[str, Any]:
    return {
        "end_step": end,
        "start_lr": lr[0],
        "end_lr": lr[1],
        "start_momentum": momentum[0],
        "end_momentum": momentum[1],
    }
