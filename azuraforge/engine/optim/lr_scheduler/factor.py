"""Schedulers that multiply the rates in force by one factor at each epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from azuraforge.engine.optim.lr_scheduler.scheduler import LRScheduler, allow, put_rate
from azuraforge.engine.optim.optimizer import Optimizer


class FactorLR(LRScheduler):
    """lr *= ratio(), at each epoch; so several of them together multiply."""

    def ratio(self) -> float:
        """What the rates of the epoch before are multiplied by at `last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__}.ratio is for a subclass to write")

    def get_lr(self) -> list[float]:
        ratio = self.ratio()
        return [lr * ratio for lr in self.current()]

    def restart(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=False):
            put_rate(group, lr)
        self._is_initial = True
        super().restart()
        self._is_initial = False


class StepLR(FactorLR):
    """lr *= gamma, every `step_size` epochs."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        allow(self, "step_size", step_size, "step_size >= 1", step_size >= 1)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self) -> float:
        is_due = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return self.gamma if is_due else 1.0


class MultiStepLR(FactorLR):
    """lr *= gamma, at each of the epochs `milestones`; twice at one that is given twice."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self) -> float:
        return float(self.gamma ** self.milestones[self.last_epoch])


class ConstantLR(FactorLR):
    """lr *= factor, until epoch `total_iters`."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        allow(self, "factor", factor, "0 < factor <= 1", 0 < factor <= 1)
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def ratio(self) -> float:
        if self.last_epoch == 0:
            return self.factor
        return 1 / self.factor if self.last_epoch == self.total_iters else 1.0


class LinearLR(FactorLR):
    """lr = base (start_factor + (end_factor - start_factor) min(t / total_iters, 1)), at t."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        allow(self, "start_factor", start_factor, "0 < start_factor <= 1", 0 < start_factor <= 1)
        allow(self, "end_factor", end_factor, "0 <= end_factor <= 1", 0 <= end_factor <= 1)
        allow(self, "total_iters", total_iters, "total_iters >= 1", total_iters >= 1)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def ratio(self) -> float:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        rise = self.end_factor - self.start_factor
        return 1 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)


class ExponentialLR(FactorLR):
    """lr = base gammaᵗ, at epoch t."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self) -> float:
        return 1.0 if self._is_initial else self.gamma


class PolynomialLR(FactorLR):
    """lr = base (1 - min(t / total_iters, 1))ᵖ, at epoch t, with p = power."""

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        allow(self, "total_iters", total_iters, "total_iters >= 1", total_iters >= 1)
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def ratio(self) -> float:
        t, end = self.last_epoch, self.total_iters
        if self._is_initial or t > end:
            return 1.0
        return float(((1 - t / end) / (1 - (t - 1) / end)) ** self.power)
