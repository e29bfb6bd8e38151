"""Momentum that moves against the learning rate, in CyclicLR and OneCycleLR."""

from __future__ import annotations

from azuraforge.engine.optim.lr_scheduler.scheduler import LRScheduler, per_group
from azuraforge.engine.optim.optimizer import Group, Optimizer
from azuraforge.errors import ConfigError


def uses_beta1(scheduler: LRScheduler, optimizer: Optimizer) -> bool:
    """Whether the momentum is betas[0]. Raises: ConfigError for an optimizer without any."""
    if "betas" not in optimizer.defaults and "momentum" not in optimizer.defaults:
        raise ConfigError(
            f"{type(scheduler).__name__}: {type(optimizer).__name__} has neither momentum nor "
            "betas to cycle; give cycle_momentum=False"
        )
    return "betas" in optimizer.defaults


def bounds(
    scheduler: LRScheduler,
    optimizer: Optimizer,
    base_momentum: float | list[float],
    max_momentum: float | list[float],
    last_epoch: int,
) -> tuple[list[float], list[float]]:
    """The least and the greatest momentum of each group; a new run begins at the greatest."""
    least = per_group(scheduler, "base_momentum", optimizer, base_momentum)
    greatest = per_group(scheduler, "max_momentum", optimizer, max_momentum)
    if last_epoch == -1:
        for group, low, high in zip(optimizer.param_groups, least, greatest, strict=True):
            put_momentum(group, high)
            group["base_momentum"] = low
            group["max_momentum"] = high
    return least, greatest


def put_momentum(group: Group, momentum: float) -> None:
    """Set the momentum of a group, or its first beta."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
