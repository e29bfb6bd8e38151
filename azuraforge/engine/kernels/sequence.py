"""What recurrent layers share: how their weights and rows lie, and how the batch is split.

A step's input is one row [x, 1, h], so that one product adds up both weights and the bias, and one
product over some steps gives the gradients of all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.lanes import Value, over_arrays
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.product import SIZE

F = np.float32
SPAN = 256  # rows of a product over time, as many steps as that takes: they stay in level 2


def all_float32(*operands: Any) -> bool:
    """Whether all are float32 arrays on the CPU, and none is empty."""
    return all(isinstance(x, np.ndarray) and x.dtype == F and x.size for x in operands)


def side_by_side(x: Array) -> Array:
    """The array, or a copy: the numbers of the last axis lie side by side."""
    return x if x.strides[-1] == SIZE else np.ascontiguousarray(x)


def places(x: Array) -> tuple[int, int, int]:
    """Where the array begins, and bytes from step to step and from row to row."""
    return address(x), x.strides[0], x.strides[1]


def copied(x: Array, to: Array | None) -> Array:
    """A copy of x, in the array given, if one is."""
    to = np.empty(x.shape, F) if to is None else to
    to[...] = x
    return to


def room(rows: int, features: int, hidden: int) -> Array:
    """Memory for rows [x, 1, h], the 1 there.

    A kernel is given it, and makes no array of its own whose address it takes: Numba frees that
    after the last line that names it, whatever still writes there.
    """
    inputs = np.empty((rows, features + 1 + hidden), F)
    inputs[:, features] = 1
    return inputs


def steps_at_once(time: int, batch: int, count: int) -> int:
    """How many steps a thread's product over time takes together: as many as SPAN rows hold."""
    return max(1, min(time, SPAN // -(-batch // count)))


def _copy(x: Value) -> Sequence[Value]:
    return (x,)


copy = over_arrays(_copy, outputs=1)
