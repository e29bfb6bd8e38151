"""Schedulers along a cosine."""

from __future__ import annotations

import math

from azuraforge.engine.optim.lr_scheduler.scheduler import LRScheduler, allow
from azuraforge.engine.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (base - eta_min) (1 + cos(π t / T_max)) / 2, at epoch t.

    Computed from the rate of the epoch before, so that others may change it in between.

    Source: Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        allow(self, "T_max", T_max, "T_max >= 1", T_max >= 1)
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        rates, end, low = self.current(), self.T_max, self.eta_min
        if self._is_initial:
            return rates
        if (self.last_epoch - 1 - end) % (2 * end) == 0:  # from the bottom nothing can be scaled
            rise = (1 - math.cos(math.pi / end)) / 2
            return [lr + (b - low) * rise for lr, b in zip(rates, self.base_lrs, strict=False)]
        now, before = (
            1 + math.cos(math.pi * t / end) for t in (self.last_epoch, self.last_epoch - 1)
        )
        return [now / before * (lr - low) + low for lr in rates]

    def restart(self) -> None:
        self.last_epoch = 0
        self.set_lr([self.eta_min + (base - self.eta_min) for base in self.base_lrs])


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (base - eta_min) (1 + cos(π T_cur / T_i)) / 2.

    T_cur counts the epochs since the last restart, T_i those between two: T_0 at first, and
    T_mult times as many after each.

    Source: Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for name, given in ("T_0", T_0), ("T_mult", T_mult):
            allow(self, name, given, f"{name} >= 1, whole", given >= 1 and given % 1 == 0)
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        low, part = self.eta_min, math.pi * self.T_cur / self.T_i
        return [low + (base - low) * (1 + math.cos(part)) / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of `epoch`, which may have a fraction: 3.25."""
        if epoch is not None:
            allow(self, "epoch", epoch, "epoch >= 0", epoch >= 0)
            self._go_to(epoch)
        elif self.last_epoch < 0:
            self._go_to(0)
        else:
            self.last_epoch += 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        self.set_lr(self.get_lr())

    def _go_to(self, epoch: float) -> None:
        self.last_epoch = math.floor(epoch)
        self.T_i, self.T_cur = self.T_0, epoch
        if self.T_mult == 1:
            self.T_cur %= self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult


class WarmupCosineLR(LRScheduler):
    """lr = base (t + 1) / (warmup_steps + 1), then along half a cosine from base to eta_min.

    The cosine begins at step t = warmup_steps and ends at total_steps; there it stays.

    Source: Karpathy's nanoGPT, `get_lr` in train.py.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_steps: int,
        total_steps: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        allow(self, "warmup_steps", warmup_steps, "warmup_steps >= 0", warmup_steps >= 0)
        allowed = f"total_steps > warmup_steps, {warmup_steps}"
        allow(self, "total_steps", total_steps, allowed, total_steps > warmup_steps)
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t, warm, low = self.last_epoch, self.warmup_steps, self.eta_min
        if t < warm:
            return [base * (t + 1) / (warm + 1) for base in self.base_lrs]
        part = min((t - warm) / (self.total_steps - warm), 1.0)
        height = (1 + math.cos(math.pi * part)) / 2
        return [low + (base - low) * height for base in self.base_lrs]
