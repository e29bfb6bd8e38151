"""Products of matrices, one or many, in float32 on the CPU, from register tiles.

Panels of the right operand are laid out in rows when they are used, from rows or from columns, so
that both operands may be transposed as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.panels import NO_FLOOR, aligned
from azuraforge.engine.kernels.product import PRODUCT, SIZE, WORTH_SPLITTING, product
from azuraforge.engine.kernels.sequence import copy
from azuraforge.engine.kernels.simd import PANEL, ROWS
from azuraforge.engine.kernels.split import run, task, unpacked
from azuraforge.engine.kernels.turn import turn
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

NOTES = True
WORTH_A_CALL = 250_000  # multiply-adds: below, BLAS is done before the way here
WORTH_PACKING = 48  # rows: for fewer, panels are not laid out anew that lie in rows


def accepts(a: Array, b: Array) -> bool:
    """Whether they are float32 on the CPU, b a matrix or as many as a, and large enough."""
    return (
        all(isinstance(x, np.ndarray) and x.dtype == np.float32 and x.ndim > 1 for x in (a, b))
        and (b.ndim == 2 or a.shape[:-2] == b.shape[:-2])
        and a.size * b.shape[-1] >= WORTH_A_CALL
    )


def forward(xp: Any, a: Array, b: Array, y: Array) -> None:
    if b.ndim == 2:
        a, y = _rows(a), y.reshape(-1, y.shape[-1])
    _multiply(a, b, y)


def _gradient_a(xp: Any, g: Array, b: Array, ga: Array) -> None:
    forward(xp, g, b.swapaxes(-1, -2), ga)


def _gradient_b(xp: Any, g: Array, a: Array, gb: Array) -> None:
    if gb.ndim == 2:
        a, g = _rows(a), _rows(g)
    _multiply(a.swapaxes(-1, -2), g, gb)


gradients = {"a": _gradient_a, "b": _gradient_b}


def _rows(x: Array) -> Array:
    return tape.compute(lambda given: given.reshape(-1, given.shape[-1]), x)


def _matrices(x: Array) -> Array:
    return tape.compute(lambda given: given.reshape(-1, *given.shape[-2:]), x)


def _multiply(a: Array, b: Array, c: Array) -> None:
    a, b = _matrices(a), _matrices(b)
    if SIZE not in b.strides[1:]:
        b = tape.compute(np.ascontiguousarray, b)
    (batch, m, k), n = a.shape, b.shape[2]
    count = threads() if batch * m * n * k >= WORTH_SPLITTING else 1
    blocks = count if batch < count else 1
    height = -(-m // (blocks * ROWS)) * ROWS
    places = [
        number
        for x in (a, b)
        for number in (address(x), *(distance // SIZE for distance in x.strides))
    ]
    is_packed = height >= WORTH_PACKING or b.strides[2] != SIZE
    panels = aligned(count, k, PANEL) if is_packed else None
    tape.keep(a, b, c, panels)
    room = 0 if panels is None else address(panels)
    run(_part, count, PRODUCT, batch, blocks, height, m, n, k, *places, address(c), room)


@part
def _lay_out(columns, k, panel, b_row, b_column, own):  # type: ignore[no-untyped-def]
    if b_column == 1:
        for i in range(k):
            copy(columns, panel + SIZE * i * b_row, own + SIZE * i * PANEL)
    else:
        turn(columns, k, panel, b_column, own, PANEL)


@task
def _part(job, number, count):  # type: ignore[no-untyped-def]
    (
        at, batch, blocks, height, m, n, k, a, a_matrix, a_row, a_k, b, b_matrix, b_row, b_column,
        c, room,
    ) = unpacked(job, 17)  # fmt: skip
    units, own = batch * blocks, room + SIZE * number * k * PANEL
    for unit in range(units * number // count, units * (number + 1) // count):
        matrix, begin = unit // blocks, unit % blocks * height
        rows = min(height, m - begin)
        for j in range(0, n if rows > 0 else 0, PANEL):
            columns, width = min(PANEL, n - j), b_row
            panel = b + SIZE * (matrix * b_matrix + j * b_column)
            if room:
                _lay_out(columns, k, panel, b_row, b_column, own)
                panel, width = own, PANEL
            product(
                at, rows, columns, k, a + SIZE * (matrix * a_matrix + begin * a_row), a_row, a_k,
                panel, width, c + SIZE * ((matrix * m + begin) * n + j), n, 0, 0, NO_FLOOR,
            )  # fmt: skip
