"""A scheduler's attributes as plain values, and back."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import Any

from azuraforge.errors import ConfigError


def saved(value: Any) -> Any:
    """A copy; of a scheduler its state, of a function None, of another callable its attributes."""
    if hasattr(value, "state_dict"):
        return value.state_dict()
    if callable(value):
        return dict(getattr(value, "__dict__", {})) or None
    return [saved(each) for each in value] if isinstance(value, list) else deepcopy(value)


def restored(where: str, own: Any, given: Any) -> Any:
    """What takes the place of `own`: itself in the state given, or a copy of a plain value.

    A list has one entry for each group, function or scheduler, so its length has to stay.
    """
    if hasattr(own, "load_state_dict"):
        own.load_state_dict(given)
        return own
    if callable(own):
        if given:
            vars(own).update(given)
        return own
    if isinstance(own, Counter):  # JSON makes text of its keys
        return Counter({int(key): count for key, count in given.items()})
    if not isinstance(own, list):
        return deepcopy(given)
    if len(own) != len(given):
        raise ConfigError(f"{where}: {len(given)} values do not fit {len(own)}")
    return [restored(where, mine, other) for mine, other in zip(own, given, strict=True)]
