"""What every scheduler shares: rates set group by group, the epoch, state in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azuraforge.engine.optim.lr_scheduler.state import restored, saved
from azuraforge.engine.optim.optimizer import Group, Optimizer
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

NO_STATE = {"optimizer", "_is_initial"}
PYTORCHS = {"_is_initial", "_get_lr_called_within_step", "mode_worse"}  # in its state, not needed


class LRScheduler:
    """Sets the learning rate of an optimizer's groups: at once, and anew at each step().

    A subclass writes `get_lr`, the rates at `last_epoch`. Where it makes them of the rates in
    force, not of `base_lrs`, schedulers of one optimizer multiply.
    """

    _is_initial = False  # whether the rates in force are those at `last_epoch` already

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = of_optimizer(self, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", rate(group))
            elif "initial_lr" not in group:
                raise ConfigError(
                    f"{type(self).__name__}: last_epoch {last_epoch} goes on where a run stopped, "
                    f"but param_groups[{i}] has no 'initial_lr'; load the optimizer's state first, "
                    "or begin with last_epoch -1"
                )
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.begin()

    def begin(self) -> None:
        """The first step, by which the rates become those of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def step(self) -> None:
        """Set the rates of the next epoch."""
        self._step_count += 1
        self.last_epoch += 1
        self.set_lr(self.get_lr())

    def restart(self) -> None:
        """Set the rates of epoch 0: a SequentialLR has come to this scheduler."""
        self.last_epoch = 0
        self.set_lr(self.get_lr())

    def get_lr(self) -> list[float]:
        """The rates at `last_epoch`, one per group."""
        raise NotImplementedError(f"{type(self).__name__}.get_lr is for a subclass to write")

    def get_last_lr(self) -> list[float]:
        """The rates this scheduler set last, one per group."""
        return self._last_lr

    def current(self) -> list[float]:
        """The rates in force, one per group."""
        return [rate(group) for group in self.optimizer.param_groups]

    def set_lr(self, rates: list[float]) -> None:
        """Put rates into the groups. Raises: ConfigError unless there is one for each."""
        recorded = tape.current()
        if recorded is not None:
            recorded.refuse(f"it steps a {type(self).__name__}; step it after the step's call")
        groups = self.optimizer.param_groups
        if len(rates) != len(groups):
            raise ConfigError(
                f"{type(self).__name__}: made for {len(rates)} parameter groups, and now there are "
                f"{len(groups)}; make the scheduler anew"
            )
        for group, lr in zip(groups, rates, strict=True):
            put_rate(group, lr)
        self._last_lr = self.current()

    def state_dict(self) -> dict[str, Any]:
        """Copies of all but the optimizer, under PyTorch's names; functions are left out (None).

        The rates in force are the optimizer's state: save and load that, too.
        """
        return {key: saved(value) for key, value in vars(self).items() if key not in NO_STATE}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where the state was taken, of ours or of PyTorch's scheduler of the same name.

        Raises: ConfigError if it does not fit.
        """
        who = f"{type(self).__name__}.load_state_dict"
        own = vars(self).keys() - NO_STATE
        if own != state_dict.keys() - PYTORCHS:
            raise ConfigError(
                f"{who}: missing {sorted(own - state_dict.keys())}, "
                f"unexpected {sorted(state_dict.keys() - PYTORCHS - own)}"
            )
        for key in own:
            setattr(self, key, restored(f"{who}: {key}", getattr(self, key), state_dict[key]))


def rate(group: Group) -> float:
    """The learning rate of a group."""
    lr = group["lr"]
    return float(lr.data.item() if isinstance(lr, Tensor) else lr)


def put_rate(group: Group, lr: float) -> None:
    """Set the learning rate of a group; a Tensor stays the Tensor it is."""
    if isinstance(group["lr"], Tensor):
        group["lr"].data[...] = lr
    else:
        group["lr"] = float(lr)  # a NumPy number would make float64 of float32 arrays


def of_optimizer(scheduler: LRScheduler, optimizer: Optimizer) -> Optimizer:
    """The optimizer. Raises: ConfigError if it is none."""
    if not isinstance(optimizer, Optimizer):
        given = type(optimizer).__name__
        raise ConfigError(f"{type(scheduler).__name__}: {given} is not an Optimizer")
    return optimizer


def per_group(scheduler: LRScheduler, name: str, optimizer: Optimizer, given: Any) -> list[float]:
    """A setting given once or as one value per group, as one value per group."""
    groups = len(of_optimizer(scheduler, optimizer).param_groups)
    values = list(given) if isinstance(given, list | tuple) else [given] * groups
    if len(values) != groups:
        raise ConfigError(
            f"{type(scheduler).__name__}: {name} has {len(values)} values; "
            f"allowed: one, or one for each of the {groups} parameter groups"
        )
    return [float(value.data.item() if isinstance(value, Tensor) else value) for value in values]


def allow(scheduler: LRScheduler, name: str, given: Any, allowed: str, is_allowed: bool) -> None:
    """Raise ConfigError naming the setting, what was given and what is allowed."""
    if not is_allowed:
        raise ConfigError(f"{type(scheduler).__name__}: {name} {given!r}; allowed: {allowed}")
