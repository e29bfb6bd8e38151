"""The learning rate of a step: the base rate times a factor, a function of the step's number.

Nothing is accumulated, so a base rate that is set in the middle of a run is in force at once, and
any step's rate is known without those before it. Only `plateau` keeps state: it goes by a metric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from azuraforge.engine.train.improvement import Improvement
from azuraforge.errors import ConfigError

Name = Literal["constant", "linear", "cosine", "step", "exponential", "plateau"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How the factor goes on: up to 1 over the warm-up, then down towards `min_factor`.

    At t of T steps after the warm-up, m for min_factor:

        linear       1 - (1 - m) t / T
        cosine       m + (1 - m) (1 + cos(pi t / T)) / 2
        step         gamma ** floor(t / step_size), at least m
        exponential  gamma ** (t / step_size), at least m
        plateau      gamma for each time that more than `patience` epochs brought no improvement

    Raises: ConfigError.
    """

    name: Name = "constant"
    warmup_steps: int = 0
    min_factor: float = 0.0
    gamma: float = 0.1
    step_size: int = 1000
    patience: int = 5

    def __post_init__(self) -> None:
        for name, is_allowed, allowed in (
            ("name", self.name in get_args(Name), ", ".join(get_args(Name))),
            ("warmup_steps", self.warmup_steps >= 0, "0 or more"),
            ("min_factor", 0 <= self.min_factor <= 1, "0 to 1"),
            ("gamma", 0 < self.gamma <= 1, "above 0, to 1"),
            ("step_size", self.step_size >= 1, "1 or more"),
            ("patience", self.patience >= 0, "0 or more"),
        ):
            if not is_allowed:
                raise ConfigError(f"schedule.{name}: {getattr(self, name)!r}; allowed: {allowed}")

    def factor(self, done: int, steps: int) -> float:
        """The factor of the step after `done` steps, of a run of `steps`; without the plateau's."""
        after = done - self.warmup_steps
        if after < 0:
            return (done + 1) / self.warmup_steps
        if self.name in ("constant", "plateau"):
            return 1.0
        if self.name in ("linear", "cosine"):
            way = min(1.0, after / max(1, steps - self.warmup_steps))
            rest = 1 - way if self.name == "linear" else (1 + math.cos(math.pi * way)) / 2
            return self.min_factor + (1 - self.min_factor) * rest
        falls = after // self.step_size if self.name == "step" else after / self.step_size
        return max(self.min_factor, self.gamma**falls)


@dataclass(kw_only=True)
class Plateau:
    """The state of the plateau schedule: a factor that falls when epochs bring no improvement."""

    schedule: Schedule
    improvement: Improvement
    factor: float = 1.0

    def take(self, value: float) -> None:
        """Take in the monitored metric of an epoch."""
        self.improvement.take(value)
        if self.schedule.name == "plateau" and self.improvement.stale > self.schedule.patience:
            self.factor = max(self.schedule.min_factor, self.factor * self.schedule.gamma)
            self.improvement.stale = 0

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"factor": self.factor, **self.improvement.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken."""
        self.factor = state["factor"]
        self.improvement.load_state_dict(state)
