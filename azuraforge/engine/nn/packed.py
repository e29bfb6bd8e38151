"""Packed sequences through a recurrent cell, by runs of steps that as many sequences reach."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import cast

from azuraforge.engine.ops import shape as layout
from azuraforge.engine.tensor import Tensor

__all__: list[str] = []

States = tuple[Tensor, ...]
Run = tuple[int, int, int]  # of steps with as many rows each: first row, steps, rows
Cell = Callable[..., States]  # of steps and states: the outputs, and the states at the end


def runs_of(steps: list[int]) -> list[Run]:
    """The steps of packed rows, those with as many rows put together."""
    found, first = [], 0
    for rows, group in groupby(steps):
        count = len(list(group))
        found.append((first, count, rows))
        first += count * rows
    return found


def _cut(x: Tensor, run: Run) -> Tensor:
    first, steps, rows = run
    return x[first : first + steps * rows].reshape(steps, rows, -1)


def forward(run: Cell, x: Tensor, states: States, runs: list[Run]) -> States:
    """Through runs of fewer and fewer rows; where sequences end, so do their states."""
    outputs, ended = [], []
    for each in runs:
        ended.append(tuple(state[each[2] :] for state in states))
        y, *found = run(_cut(x, each), states=tuple(state[: each[2]] for state in states))
        states = tuple(found)
        outputs.append(y.reshape(-1, y.shape[-1]))
    whole = zip(*reversed([*ended, states]), strict=True)
    return _cat(outputs), *(_cat(list(each)) for each in whole)


def backward(run: Cell, x: Tensor, begin: States, runs: list[Run]) -> States:
    """From the last run to the first; where sequences join, so do their first states."""
    outputs: list[Tensor] = []
    states = tuple(state[:0] for state in begin)
    for each in reversed(runs):
        joined = zip(states, begin, strict=True)
        now = tuple(_cat([state, new[len(state) : each[2]]]) for state, new in joined)
        y, *found = run(_cut(x, each), states=now)
        states = tuple(found)
        outputs.append(y.reshape(-1, y.shape[-1]))
    return _cat(outputs[::-1]), *states


def _cat(parts: list[Tensor]) -> Tensor:
    some = [part for part in parts if part.data.size] or parts[:1]
    return some[0] if len(some) == 1 else cast(Tensor, layout.cat(*some, axis=0))
