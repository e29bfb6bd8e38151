"""Checks of what constructors are given."""

from __future__ import annotations

from typing import Any

from azuraforge.errors import ConfigError

__all__: list[str] = []


def check_sizes(who: str, least: int = 1, **sizes: Any) -> None:
    """Raise ConfigError unless all are whole numbers from `least` on."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < least:
            raise ConfigError(f"{who}: {name} is {size!r}; allowed: whole numbers from {least} on")


def check_truths(who: str, **values: Any) -> None:
    """Raise ConfigError unless all are True or False."""
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ConfigError(f"{who}: {name} is {value!r}; allowed: True, False")


def check_number(who: str, **values: Any) -> None:
    """Raise ConfigError unless all are real numbers."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{who}: {name} is {value!r}; allowed: a real number")
