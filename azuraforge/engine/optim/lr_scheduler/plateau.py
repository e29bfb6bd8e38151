"""A scheduler by a metric."""

from __future__ import annotations

import math
from typing import Literal, SupportsFloat

from azuraforge.engine.optim.lr_scheduler.scheduler import (
    LRScheduler,
    allow,
    of_optimizer,
    per_group,
)
from azuraforge.engine.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """lr *= factor, once the metric has not become better for more than `patience` epochs.

    Better is lower ("min") or higher ("max") than the best so far by `threshold`, as a part of it
    ("rel") or by itself ("abs"). After a reduction `cooldown` epochs do not count. A reduction by
    `eps` or less is left out.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        allow(self, "factor", factor, "0 <= factor < 1", 0 <= factor < 1)
        allow(self, "mode", mode, "min, max", mode in ("min", "max"))
        allow(self, "threshold_mode", threshold_mode, "rel, abs", threshold_mode in ("rel", "abs"))
        self.optimizer = of_optimizer(self, optimizer)
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else min_lr
        self.min_lrs = per_group(self, "min_lr", optimizer, min_lr)
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self.last_epoch = 0
        self._last_lr = self.current()

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs do not count yet."""
        return self.cooldown_counter > 0

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]  # PyTorch's, too
        """Take in the metric of an epoch."""
        value = float(metrics)
        self.last_epoch += 1
        if self._is_better(value):
            self.best = value
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        rates = self.current()
        if self.num_bad_epochs > self.patience:
            rates = [self._reduced(lr, low) for lr, low in zip(rates, self._least(), strict=False)]
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self.set_lr(rates)

    def _is_better(self, value: float) -> bool:
        margin = -self.threshold if self.mode == "min" else self.threshold
        bar = self.best * (1 + margin) if self.threshold_mode == "rel" else self.best + margin
        return value < bar if self.mode == "min" else value > bar

    def _least(self) -> list[float]:
        groups = len(self.optimizer.param_groups)
        if len(self.min_lrs) != groups and self.default_min_lr is not None:
            self.min_lrs = [self.default_min_lr] * groups
        return self.min_lrs

    def _reduced(self, lr: float, low: float) -> float:
        reduced = max(lr * self.factor, low)
        return reduced if lr - reduced > self.eps else lr
