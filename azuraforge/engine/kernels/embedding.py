"""Rows of a float32 table on the CPU, and gradients added to rows: one pass each way."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import compiled
from azuraforge.errors import ShapeError


def accepts(w: Array, index: Array) -> bool:
    """Whether these are a float32 table and int64 numbers on the CPU, both contiguous."""
    return all(
        isinstance(x, np.ndarray) and x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned
        for x, dtype in ((w, np.float32), (index, np.int64))
    )


def forward(xp: Any, w: Array, index: Array, y: Array) -> None:
    wrong = _take(w, index.reshape(-1), y.reshape(-1, w.shape[1]))
    if wrong >= 0:
        raise ShapeError(f"index holds {index.flat[wrong]}; allowed: 0 to {len(w) - 1}")


def _gradient(xp: Any, g: Array, index: Array, sum_w: Array) -> None:
    _add(np.ascontiguousarray(g).reshape(-1, g.shape[-1]), index.reshape(-1), sum_w)


gradients = {"w": _gradient, "index": None}


@compiled("i8(Array(f4, 2, 'C', readonly=True), Array(i8, 1, 'C', readonly=True), f4[:,::1])")
def _take(w, index, y):  # type: ignore[no-untyped-def]
    """Copy rows; -1, or the place of a number that is no row's."""
    rows, width = w.shape
    for i in range(len(index)):
        if index[i] < 0 or index[i] >= rows:
            return i
        row, to = w[index[i]], y[i]
        for j in range(width):
            to[j] = row[j]
    return -1


@compiled("void(Array(f4, 2, 'C', readonly=True), Array(i8, 1, 'C', readonly=True), f4[:,:])")
def _add(g, index, w):  # type: ignore[no-untyped-def]
    """Add each row of g to the row of w that it came from."""
    for i in range(len(index)):
        row, to = g[i], w[index[i]]
        for j in range(g.shape[1]):
            to[j] += row[j]
