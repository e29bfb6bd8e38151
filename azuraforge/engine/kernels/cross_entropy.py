"""Cross-entropy in float32 on the CPU: rows stay in the first-level cache from pass to pass.

The target is checked as in ops/loss.py, at every replay as well: it is what a batch brings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import compiled
from azuraforge.engine.kernels.elementary import exp, log
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.split import integers
from azuraforge.engine.replay import tape
from azuraforge.errors import ShapeError

NOTES = True
FLOAT32, INT64 = np.dtype(np.float32), np.dtype(np.int64)
F = np.float32
ZERO, ONE = F(0), F(1)
BLOCK = 4096  # numbers: rows of few classes are no whole vectors, many of them nearly are


def accepts(x: Array, target: Array, ignore_index: int) -> bool:
    """Whether x is contiguous float32 and the target contiguous int64, both on the CPU."""
    return (
        isinstance(x, np.ndarray)
        and isinstance(target, np.ndarray)
        and x.dtype == FLOAT32
        and target.dtype == INT64
        and x.flags.c_contiguous
        and target.flags.c_contiguous
        and x.size > 0
    )


def forward(xp: Any, x: Array, target: Array, y: Array, _softmax: Array, ignore_index: int) -> None:
    tape.keep(x, target, y, _softmax)
    places = address(x), address(target), address(y), address(_softmax)
    tape.run(_checked, *x.shape, ignore_index, *places)


def _gradient(
    xp: Any, g: Array, target: Array, _softmax: Array, gx: Array, ignore_index: int
) -> None:
    tape.keep(g, target, _softmax, gx)
    places = address(g), address(target), address(_softmax), address(gx)
    tape.run(_back, *gx.shape, ignore_index, *places)


gradients = {"x": _gradient, "target": None}


def _checked(rows: int, classes: int, ignored: int, *places: int) -> None:
    low, high = _forward(rows, classes, ignored, *places)
    if low < 0 or high >= classes:
        raise ShapeError(
            f"target holds {low} to {high} as int64; allowed: whole numbers 0 to {classes - 1}"
        )


@compiled("UniTuple(i8, 2)(i8, i8, i8, i8, i8, i8, i8)")
def _forward(rows, classes, ignored, at_x, at_target, at_y, at_softmax):  # type: ignore[no-untyped-def]
    """The smallest and largest target; nothing is written where one of them is no class."""
    target = integers(at_target, rows)
    low, high, counted = 0, 0, 0
    for i in range(rows):
        if target[i] != ignored:
            low, high, counted = min(low, target[i]), max(high, target[i]), counted + 1
    if low < 0 or high >= classes:
        return low, high
    loss, step = 0.0, max(1, BLOCK // classes)
    for begin in range(0, rows, step):
        end = min(rows, begin + step)
        for i in range(begin, end):
            x = floats(at_x + 4 * i * classes, classes)
            made = floats(at_softmax + 4 * i * classes, classes)
            largest = x[0]
            for k in range(classes):
                largest = x[k] if x[k] > largest or x[k] != x[k] else largest
            for k in range(classes):
                made[k] = x[k] - largest
            if target[i] != ignored:
                loss -= made[target[i]]
        block = floats(at_softmax + 4 * begin * classes, (end - begin) * classes)
        for k in range(len(block)):
            block[k] = exp(block[k])
        for i in range(begin, end):
            made = floats(at_softmax + 4 * i * classes, classes)
            total = ZERO
            for k in range(classes):
                total += made[k]
            if target[i] != ignored:
                loss += log(total)
            share = ONE / total
            for k in range(classes):
                made[k] *= share
    floats(at_y, 1)[0] = loss / counted if counted else np.nan
    return low, high


@compiled("void(i8, i8, i8, i8, i8, i8, i8)")
def _back(rows, classes, ignored, at_g, at_target, at_softmax, at_gx):  # type: ignore[no-untyped-def]
    target, counted = integers(at_target, rows), 0
    for i in range(rows):
        counted += target[i] != ignored
    scale = floats(at_g, 1)[0] / F(max(counted, 1))
    softmax, gx = floats(at_softmax, rows * classes), floats(at_gx, rows * classes)
    for j in range(rows * classes):
        gx[j] = softmax[j] * scale
    for i in range(rows):
        own = i * classes + target[i]
        if target[i] != ignored:
            gx[own] = (softmax[own] - ONE) * scale
        else:
            for j in range(i * classes, (i + 1) * classes):
                gx[j] = ZERO
