"""Sizes given as one number for all axes."""

from __future__ import annotations

Pair = tuple[int, int]


def pair(value: int | Pair) -> Pair:
    """One number for both axes, or one for each."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])
