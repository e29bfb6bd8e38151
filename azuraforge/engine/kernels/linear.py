"""y = x Wᵀ + b in float32 on the CPU, from register tiles, or from dot products for a few rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine import tape
from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import compiled
from azuraforge.engine.kernels.dots import FEW, multiply_few
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.product import multiply
from azuraforge.engine.kernels.turn import transpose

NOTES = True


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
        multiply_few(x, w, b, y)
    else:
        multiply(rows, out, inner, x, inner, 1, tape.once(_turned, w), out, y, b)


def _turned(w: Array) -> Array:
    wt = tape.empty(np, w.shape[::-1], np.float32)
    transpose(w, wt)
    return wt


def _gradient_x(xp: Any, g: Array, w: Array, gx: Array) -> None:
    out, inner = w.shape
    multiply(gx.size // inner, inner, out, _contiguous(g), out, 1, w, inner, gx)


def _gradient_w(xp: Any, g: Array, x: Array, gw: Array) -> None:
    out, inner = gw.shape
    multiply(out, inner, x.size // inner, _contiguous(g), 1, out, x, inner, gw)


def _gradient_b(xp: Any, g: Array, gb: Array) -> None:
    g = _contiguous(g)
    tape.keep(g, gb)
    tape.run(_sum_rows, g.size // gb.size, gb.size, address(g), address(gb))


@compiled("void(i8, i8, i8, i8)")
def _sum_rows(rows, columns, at, total_at):  # type: ignore[no-untyped-def]
    total = floats(total_at, columns)
    total[:] = 0
    for i in range(rows):
        row = floats(at + 4 * i * columns, columns)
        for k in range(columns):
            total[k] += row[k]


def _contiguous(g: Array) -> Array:
    return tape.compute(np.ascontiguousarray, g)


gradients = {"x": _gradient_x, "w": _gradient_w, "b": _gradient_b}
