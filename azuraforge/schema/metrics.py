"""Series of numbers beside a run's steps."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

MetricName = Annotated[str, Meta(min_length=1, max_length=200)]


class MetricRow(Struct, frozen=True, kw_only=True):
    """One number: its name, the step it belongs to, and when it was measured."""

    name: MetricName
    step: int
    value: float
    time: float | None = None  # seconds since 1970, UTC; None: when the Registry got it


class Series(Struct, frozen=True, kw_only=True):
    """The numbers of one name in the order in which they came."""

    name: str
    steps: list[int]
    times: list[float]
    values: list[float]
    is_thinned: bool = False  # the least and the greatest of each stretch stand for it
