"""y = x Wᵀ + b in float32 on the CPU, from register tiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine import tape
from azuraforge.engine.device import Array
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
    wt = np.empty((inner, out), np.float32)
    transpose(w, wt)
    rows = x.size // inner
    multiply(rows, out, inner, x, inner, 1, wt, out, y, b)


def _gradient_x(xp: Any, g: Array, w: Array, gx: Array) -> None:
    out, inner = w.shape
    multiply(gx.size // inner, inner, out, _contiguous(g), out, 1, w, inner, gx)


def _gradient_w(xp: Any, g: Array, x: Array, gw: Array) -> None:
    out, inner = gw.shape
    multiply(out, inner, x.size // inner, _contiguous(g), 1, out, x, inner, gw)


def _gradient_b(xp: Any, g: Array, gb: Array) -> None:
    rows = _contiguous(g).reshape(-1, len(gb))
    tape.run(np.add.reduce, rows, 0, None, gb)


def _contiguous(g: Array) -> Array:
    return tape.compute(np.ascontiguousarray, g)


gradients = {"x": _gradient_x, "w": _gradient_w, "b": _gradient_b}
