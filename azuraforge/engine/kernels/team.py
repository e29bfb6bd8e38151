"""Threads that work at one thing in steps, and wait for each other after each.

    count = meeting(number, count, place)    # how many are here: all, or one alone; 0: go home
    …
    wait(number, count, place, step)         # until all have done so many steps

Waiting is spinning, as a step takes microseconds. Nothing says that all tasks of a split run at a
time: there may be fewer threads than tasks, one after the other. So whoever has waited for long
calls the meeting off, and then the first task does everything alone. `place` is the address of
`memory(count)`, which is zeros at the start of each run.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.lanes import declared
from azuraforge.engine.kernels.simd import I32, INT, LANES

LINE = 128  # bytes between numbers of different threads: two lines of the cache, fetched as a pair
PATIENCE = 20_000  # looks: about 0.1 ms, in which a thread that slept has come
WORD = 8  # bytes of an int64
OPEN, ON, OFF = 0, 1, 2  # states of a meeting


def memory(count: int) -> Array:
    """What `count` threads need to find each other: a state, who came, and how far each is."""
    return np.zeros((2 + count) * LINE // WORD, np.int64)


@part
def part_of(size, number, count):  # type: ignore[no-untyped-def]
    """Where the share of a thread begins and ends: whole vectors, but for the last."""
    each = -(-size // (LANES * count)) * LANES
    return min(size, number * each), min(size, (number + 1) * each)


@part
def meeting(number, count, place):  # type: ignore[no-untyped-def]
    """How many threads there are to share the work, 1 or `count`; 0 for one that is to go home."""
    if _add(place + LINE, 1) + 1 == count:
        _swap(place, OPEN, ON)
    looks = 0
    while _load(place) == OPEN:
        looks += 1
        if looks > PATIENCE:
            _swap(place, OPEN, OFF)
    if _load(place) == ON:
        return count
    return 1 if number == 0 else 0


@part
def wait(number, count, place, step):  # type: ignore[no-untyped-def]
    """Say that this thread has done so many steps, and wait until the others have."""
    _store(place + (2 + number) * LINE, step)
    looks = 0
    for other in range(count):
        while _load(place + (2 + other) * LINE) < step:
            looks += 1
            if looks > PATIENCE:
                _let_others_run(0)


@intrinsic
def _load(typing: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_pointer(builder, args[0]), "acquire", WORD)

    return types.int64(types.int64), emit


@intrinsic
def _store(typing: Any, at: Any, value: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[1], _pointer(builder, args[0]), "release", WORD)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def _add(typing: Any, at: Any, value: Any) -> Any:
    """Add; what was there before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _pointer(builder, args[0]), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def _swap(typing: Any, at: Any, before: Any, after: Any) -> Any:
    """Put `after` where `before` is, if it is there."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.cmpxchg(_pointer(builder, args[0]), args[1], args[2], "seq_cst", "seq_cst")
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), emit


@intrinsic
def _let_others_run(typing: Any, nothing: Any) -> Any:
    """Where there are more threads than cores, the one that is waited for may want this core."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if sys.platform != "win32":
            builder.call(declared(builder, "sched_yield", I32, []), [])
        return context.get_dummy_value()

    return types.void(types.int64), emit


def _pointer(builder: Any, at: Any) -> Any:
    return builder.inttoptr(at, INT.as_pointer())
