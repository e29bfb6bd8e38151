"""What may be changed while a loop is on, and to what."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from azuraforge.errors import ConfigError


class Live(NamedTuple):
    """A setting: the type of its values, which of them are allowed, and that in words."""

    kind: type[int] | type[float]
    is_allowed: Callable[[Any], bool]
    allowed: str
    optional: bool = False  # None switches it off


SETTINGS = {
    "optim.lr": Live(float, lambda x: x > 0, "a number > 0"),
    "optim.momentum": Live(float, lambda x: 0 <= x < 1, "a number >= 0 and < 1"),
    "optim.weight_decay": Live(float, lambda x: x >= 0, "a number >= 0"),
    "training.clip_norm": Live(float, lambda x: x > 0, "a number > 0, or none", optional=True),
    "training.patience": Live(int, lambda x: x >= 1, "a whole number >= 1, or none", optional=True),
    "training.epochs": Live(int, lambda x: x >= 1, "a whole number >= 1"),
    "training.statistics_every": Live(int, lambda x: x >= 0, "a whole number >= 0"),
}


def checked(path: str, value: Any) -> Any:
    """The value, as the setting has it.

    Raises: ConfigError for a path that is not live, and for a value that is not allowed.
    """
    live = SETTINGS.get(path)
    if live is None:
        raise ConfigError(f"{path} cannot be set while a run is on; live: {', '.join(SETTINGS)}")
    if value is None and live.optional:
        return None
    is_number = isinstance(value, live.kind | int) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not live.is_allowed(value):
        raise ConfigError(f"{path}: got {value!r}; allowed: {live.allowed}")
    return live.kind(value)
