"""What differs, in tables for people. Pure: records in, text out."""

from __future__ import annotations

from collections.abc import Sequence

from azuraforge.cli.table import table
from azuraforge.schema.comparison import Difference


def differences_table(differences: Sequence[Difference], one: str, other: str) -> str:
    """One row per value, both beside each other, as exactly as they are."""
    rows = [[found.path, exact(found.one), exact(found.other)] for found in differences]
    return table(["value", one, other], rows)


def exact(value: object) -> str:
    """A value with every digit: two that differ in the last one must not look alike."""
    return "-" if value is None else repr(value) if isinstance(value, float) else str(value)
