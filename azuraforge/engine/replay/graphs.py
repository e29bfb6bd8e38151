"""The calls of a recorded step as CUDA graphs, so that a replay is a few launches.

A graph does again what it did, with the very numbers that were given then. So a call that reads
numbers from the CPU that the step moves on stays a call between two graphs: an optimizer's with its
step count and learning rate, a draw with its generator's counter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any

from azuraforge.engine.device import Lane
from azuraforge.engine.replay.tape import Tape


def graphed(tape: Tape, lane: Lane) -> list[Callable[[], Any]]:
    """The tape's calls in their order, those that move no state on joined to graphs."""
    calls: list[Callable[[], Any]] = []
    for moves, group in groupby(tape.calls, key=lambda call: _moves(tape, call)):
        several = list(group)
        calls += several if moves else [lane.graph(several)]
    return calls


def _moves(tape: Tape, call: Callable[[], Any]) -> bool:
    """Whether the call is a method of a state of the tape, or is given one."""
    assert isinstance(call, partial)
    known = [getattr(call.func, "__self__", None), *call.args]
    return any(state is x for state in tape.states for x in known)
