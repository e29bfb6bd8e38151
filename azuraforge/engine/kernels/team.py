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

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.atomic import LINE, WORD, add, let_others_run, load, store, swap
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.simd import LANES

PATIENCE = 20_000  # looks: about 0.1 ms, in which a thread that slept has come
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
    if add(place + LINE, 1) + 1 == count:
        swap(place, OPEN, ON)
    looks = 0
    while load(place) == OPEN:
        looks += 1
        if looks > PATIENCE:
            swap(place, OPEN, OFF)
    if load(place) == ON:
        return count
    return 1 if number == 0 else 0


@part
def wait(number, count, place, step):  # type: ignore[no-untyped-def]
    """Say that this thread has done so many steps, and wait until the others have."""
    store(place + (2 + number) * LINE, step)
    looks = 0
    for other in range(count):
        while load(place + (2 + other) * LINE) < step:
            looks += 1
            if looks > PATIENCE:
                let_others_run(0)
