"""Weights as panels: PANEL columns that lie together, from cache lines on, as a tile reads them.

Columns far apart share few sets of the first-level cache, and a vector across two cache lines is
two loads: where many rows pass over the weights, laying them out first costs 1 % and brings 5.
"""

from __future__ import annotations

import math

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.product import SIZE, product
from azuraforge.engine.kernels.simd import PANEL
from azuraforge.engine.kernels.split import run, task, unpacked
from azuraforge.engine.kernels.turn import turn
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

F = np.float32
NO_FLOOR = F(-np.inf)
CACHE_LINE = 64  # bytes
WORTH_SPLITTING = 65_536  # weights: below, a second thread costs more than it brings


def aligned(*shape: int) -> Array:
    """Memory for float32 that begins on a cache line."""
    size = SIZE * math.prod(shape)
    room = tape.empty(np, (size + CACHE_LINE,), np.uint8)
    return np.ndarray(shape, F, room, -address(room) % CACHE_LINE)


def packed(*pieces: Array) -> Array:
    """The weights (outputs, …) side by side and turned: (panels of outputs, inputs, PANEL).

    What lies in a panel lies together: a single row reads weights as fast as memory gives them.
    """
    given = [tape.compute(np.ascontiguousarray, w) for w in pieces]
    outputs, wide = len(given[0]), sum(w.size for w in given) // len(given[0])
    weights = aligned(-(-outputs // PANEL), wide, PANEL)
    sizes = [number for w in given for number in (address(w), w.size // outputs)]
    count = threads() if weights.size > WORTH_SPLITTING else 1
    tape.keep(weights, *given)
    run(_pack, count, outputs, wide, address(weights), len(given), *sizes)
    return weights


@task
def _pack(job, number, count):  # type: ignore[no-untyped-def]
    outputs, wide, weights, pieces = unpacked(job, 4)
    for panel in range(number, -(-outputs // PANEL), count):
        own, to = min(PANEL, outputs - panel * PANEL), weights + SIZE * panel * wide * PANEL
        for piece in range(pieces):
            w, inputs = unpacked(job + 8 * (4 + 2 * piece), 2)
            turn(own, inputs, w + SIZE * panel * PANEL * inputs, inputs, to, PANEL)
            to += SIZE * inputs * PANEL


@part
def multiply_packed(at, rows, outputs, inputs, a, a_row, weights, c, c_row):  # type: ignore[no-untyped-def]
    """C = A W of packed weights."""
    multiply_columns(at, rows, 0, outputs, inputs, a, a_row, weights, c, c_row)


@part
def multiply_columns(at, rows, begin, end, inputs, a, a_row, weights, c, c_row):  # type: ignore[no-untyped-def]
    """Columns begin to end of C = A W of packed weights; of C, the rest is not touched."""
    column = begin
    while column < end:
        panel, first = column // PANEL, column % PANEL
        columns = min(PANEL - first, end - column)
        product(
            at, rows, columns, inputs, a, a_row, 1,
            weights + SIZE * (panel * inputs * PANEL + first), PANEL, c + SIZE * column, c_row,
            0, 0, NO_FLOOR,
        )  # fmt: skip
        column += columns
