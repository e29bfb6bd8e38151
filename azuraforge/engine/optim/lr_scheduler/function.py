"""Schedulers by a function of the epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from azuraforge.engine.optim.lr_scheduler.scheduler import LRScheduler, allow, of_optimizer
from azuraforge.engine.optim.optimizer import Optimizer

Function = Callable[[int], float]


class FunctionLR(LRScheduler):
    """Holds a function of the epoch for each group: one for all, or one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Function | Sequence[Function],
        last_epoch: int = -1,
    ) -> None:
        groups = len(of_optimizer(self, optimizer).param_groups)
        given = list(lr_lambda) if isinstance(lr_lambda, Sequence) else [lr_lambda] * groups
        for each in given:
            allow(self, "lr_lambda", each, "a function of the epoch", callable(each))
        allowed = f"one function, or one for each of the {groups} parameter groups"
        allow(self, "lr_lambda", f"of {len(given)} functions", allowed, len(given) == groups)
        self.lr_lambdas = given
        super().__init__(optimizer, last_epoch)

    def values(self) -> list[float]:
        """What the functions give at `last_epoch`, one for each group."""
        return [function(self.last_epoch) for function in self.lr_lambdas]


class LambdaLR(FunctionLR):
    """lr = base lr_lambda(t), at epoch t."""

    def get_lr(self) -> list[float]:
        return [base * y for base, y in zip(self.base_lrs, self.values(), strict=True)]


class MultiplicativeLR(FunctionLR):
    """lr *= lr_lambda(t), at each epoch t > 0."""

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self.current()
        return [lr * y for lr, y in zip(self.current(), self.values(), strict=False)]
