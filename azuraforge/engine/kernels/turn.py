"""Rows to columns, a square of LANES by LANES floats at a time, in registers.

a b c d       a e c g       a e i m        vectors that lie 1 apart change places in squares of
e f g h   →   b f d h   →   b f j n        one, then those 2 apart in squares of two, and so on
i j k l       i m k o       c g k o
m n o p       j n l p       d h l p
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.lanes import load, splat, store
from azuraforge.engine.kernels.simd import FLOAT, I32, INT, LANES

SIZE = 4  # bytes of a float32


@part
def turn(rows, columns, a, a_row, b, b_row):  # type: ignore[no-untyped-def]
    """b = aᵀ, of addresses; their rows lie a_row and b_row floats apart."""
    for i in range(0, rows, LANES):
        for j in range(0, columns, LANES):
            from_a, to_b = a + SIZE * (i * a_row + j), b + SIZE * (j * b_row + i)
            if rows - i >= LANES and columns - j >= LANES:
                _square(from_a, a_row, to_b, b_row)
            else:
                _ragged(from_a, a_row, to_b, b_row, rows - i, columns - j)


@intrinsic
def _square(typing: Any, a: Any, a_row: Any, b: Any, b_row: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _turned(builder, args, [None] * LANES, [None] * LANES)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), emit


@intrinsic
def _ragged(typing: Any, a: Any, a_row: Any, b: Any, b_row: Any, rows: Any, columns: Any) -> Any:
    """What is left of a matrix at its ends: so many rows and columns of it, up to a square."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        *places, rows, columns = args
        _turned(builder, places, _masks(builder, rows, columns), _masks(builder, columns, rows))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), emit


def _turned(builder: Any, places: Any, given: Any, taken: Any) -> None:
    """Load the lines of a square, turn it, store them; masks say what of each line there is."""
    a, a_row, b, b_row = places
    from_a, to_b = (builder.inttoptr(x, FLOAT.as_pointer()) for x in (a, b))
    lines = [load(builder, from_a, _far(builder, a_row, i), given[i]) for i in range(LANES)]
    apart = 1
    while apart < LANES:
        for i in range(LANES):
            if not i & apart:
                lines[i], lines[i + apart] = _swapped(builder, lines[i], lines[i + apart], apart)
        apart *= 2
    for i, line in enumerate(lines):
        store(builder, line, to_b, _far(builder, b_row, i), taken[i])


def _far(builder: Any, row: Any, i: int) -> Any:
    return builder.mul(row, INT(i))


def _masks(builder: Any, lines: Any, length: Any) -> list[Any]:
    """For each line of a square, which of its lanes are there."""
    left = splat(builder, length)
    lanes = builder.icmp_signed("<", ir.Constant(left.type, list(range(LANES))), left)
    there = [splat(builder, builder.icmp_signed("<", INT(i), lines)) for i in range(LANES)]
    return [builder.and_(lanes, is_there) for is_there in there]


def _swapped(builder: Any, upper: Any, lower: Any, apart: int) -> tuple[Any, Any]:
    """Two vectors, whose squares off the diagonal have changed places."""
    above = [i if not i & apart else LANES + i - apart for i in range(LANES)]
    below = [i + apart if not i & apart else LANES + i for i in range(LANES)]
    kind = ir.VectorType(I32, LANES)
    return tuple(
        builder.shuffle_vector(upper, lower, ir.Constant(kind, lanes)) for lanes in (above, below)
    )
