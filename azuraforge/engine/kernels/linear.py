"""y = x Wᵀ + b in float32 on the CPU, from register tiles, or from dot products for a few rows.

Weights are laid out in panels when they are used: a panel stays in the caches for all rows of x.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.panels import NO_FLOOR, aligned, packed
from azuraforge.engine.kernels.product import PRODUCT, SIZE, WORTH_SPLITTING, product
from azuraforge.engine.kernels.sequence import copy
from azuraforge.engine.kernels.simd import PANEL, ROWS
from azuraforge.engine.kernels.split import run, task, unpacked
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

NOTES = True
F = np.float32
FEW = 4  # rows; for more, turning W first takes no longer than dot products
WORTH_PACKING = 64  # rows: for fewer, weights are not laid out anew that lie well enough


def accepts(x: Array, w: Array, b: Array) -> bool:
    """Whether all are contiguous float32 arrays on the CPU, and there is something to do."""
    return all(
        isinstance(a, np.ndarray) and a.dtype == np.float32 and a.flags.c_contiguous and a.size
        for a in (x, w, b)
    )


def forward(xp: Any, x: Array, w: Array, b: Array, y: Array) -> None:
    out, inner = w.shape
    rows = x.size // inner
    if rows <= FEW:
        from azuraforge.engine.kernels.dots import multiply_few  # compiled where it is needed

        multiply_few(x, w, b, y)
    else:
        _run(_forward, rows, (rows, out, inner), x, tape.once(packed, w), b, y)


def _gradient_x(xp: Any, g: Array, w: Array, gx: Array) -> None:
    out, inner = w.shape
    rows, g = gx.size // inner, tape.compute(np.ascontiguousarray, g)
    panels = aligned(threads(), out, PANEL) if rows >= WORTH_PACKING else None
    _run(_back_to_x, rows, (rows, out, inner), g, w, panels, gx)


def _gradient_weights(xp: Any, g: Array, x: Array, gw: Array | None, gb: Array | None) -> None:
    out, g = g.shape[-1], tape.compute(np.ascontiguousarray, g)
    rows, inner = g.size // out, x.shape[-1]
    _run(_back_to_weights, out, (rows, out, inner), g, x, gw, gb)


gradients = {"x": _gradient_x, ("w", "b"): _gradient_weights}


def _run(function: Any, lines: int, sizes: tuple[int, int, int], *arrays: Array | None) -> None:
    """Let threads share the lines of the result; each number is summed by one, in one order."""
    rows, out, inner = sizes
    count = min(threads(), -(-lines // ROWS)) if rows * out * inner >= WORTH_SPLITTING else 1
    tape.keep(*arrays)
    run(function, count, PRODUCT, *sizes, *(0 if x is None else address(x) for x in arrays))


@part
def _share(lines, number, count):  # type: ignore[no-untyped-def]
    """Which lines are a thread's: whole tiles of them."""
    each = -(-lines // (count * ROWS)) * ROWS
    return min(lines, number * each), min(lines, (number + 1) * each)


@task
def _forward(job, number, count):  # type: ignore[no-untyped-def]
    at, rows, out, inner, x, weights, b, y = unpacked(job, 8)
    low, high = _share(rows, number, count)
    for j in range(0, out, PANEL):
        product(
            at, high - low, min(PANEL, out - j), inner, x + SIZE * low * inner, inner, 1,
            weights + SIZE * j * inner, PANEL, y + SIZE * (low * out + j), out,
            b + SIZE * j, 0, NO_FLOOR,
        )  # fmt: skip


@task
def _back_to_x(job, number, count):  # type: ignore[no-untyped-def]
    at, rows, out, inner, g, w, panels, gx = unpacked(job, 8)
    low, high = _share(rows, number, count)
    own = panels + SIZE * number * out * PANEL
    for j in range(0, inner, PANEL):
        columns, panel, width = min(PANEL, inner - j), w + SIZE * j, inner
        if panels:
            for i in range(out):
                copy(columns, panel + SIZE * i * inner, own + SIZE * i * PANEL)
            panel, width = own, PANEL
        product(
            at, high - low, columns, out, g + SIZE * low * out, out, 1, panel, width,
            gx + SIZE * (low * inner + j), inner, 0, 0, NO_FLOOR,
        )  # fmt: skip


@task
def _back_to_weights(job, number, count):  # type: ignore[no-untyped-def]
    at, rows, out, inner, g, x, gw, gb = unpacked(job, 8)
    low, high = _share(out, number, count)
    g += SIZE * low
    if gw:
        product(
            at, high - low, inner, rows, g, 1, out, x, inner, gw + SIZE * low * inner, inner,
            0, 0, NO_FLOOR,
        )  # fmt: skip
    if gb:
        total = floats(gb + SIZE * low, high - low)
        total[:] = 0
        for i in range(rows):
            row = floats(g + SIZE * i * out, high - low)
            for k in range(high - low):
                total[k] += row[k]
