"""A row of the fault matrix: what is injected into what, and what is promised of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from azuraforge.chaos.machine import Need


@dataclass(kw_only=True)
class Case:
    """One run of a row: how often, with which randomness, where, and what is undone after it.

    What a row makes on the machine goes into `undo` the moment it is there. `figures` are what it
    measures besides.
    """

    times: int
    rng: random.Random
    folder: Path
    undo: ExitStack
    figures: dict[str, float] = field(default_factory=dict)


Inject = Callable[[Case], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault and what is promised of it.

    `inject` yields once per injection: "" where the promise held, else what broke it.
    """

    name: str
    component: str
    injected: str
    expected: str
    inject: Inject
    times: int  # where nobody says how often
    needs: tuple[Need, ...] = ()
