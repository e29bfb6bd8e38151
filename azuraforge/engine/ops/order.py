"""The order in memory of what ops make: row after row, unless an implementation says otherwise.

An implementation may have a function for an output `y`, or for a buffer `gx` of a gradient, that
makes the array: `f(xp, arrays, shape, dtype)` with the operands, or the gradients that arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.replay import tape

Empty = Callable[[Any, Sequence[Any], tuple[int, ...], Any], Array]
Orders = Mapping[str, Empty]


def rows_last(xp: Any, arrays: Sequence[Any], shape: tuple[int, ...], dtype: Any) -> Array:
    """An array whose last axis is the innermost."""
    return tape.empty(xp, shape, dtype)


def as_given(xp: Any, arrays: Sequence[Any], shape: tuple[int, ...], dtype: Any) -> Array:
    """An array with its channels (axis 1) innermost where an operand of as many axes has them so.

    An elementwise op over operands of one order is one loop, over two orders it is many short ones.
    """
    if len(shape) > 2:
        for x in arrays:
            if getattr(x, "ndim", 0) == len(shape) and x.shape[1] > 1 == x.strides[1] // x.itemsize:
                return tape.empty_like(xp, x, dtype, shape)
    return tape.empty(xp, shape, dtype)
