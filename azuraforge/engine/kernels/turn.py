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

from azuraforge.engine import tape
from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import compiled, part
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.simd import FLOAT, I32, INT, LANES, VECTOR

SIZE = 4  # bytes of a float32


@part
def turn(rows, columns, a, a_row, b, b_row):  # type: ignore[no-untyped-def]
    """b = aᵀ, of addresses; their rows lie a_row and b_row floats apart."""
    whole, wide = rows - rows % LANES, columns - columns % LANES
    for i in range(0, whole, LANES):
        for j in range(0, wide, LANES):
            _square(a + SIZE * (i * a_row + j), a_row, b + SIZE * (j * b_row + i), b_row)
    for i in range(rows):
        first = wide if i < whole else 0
        row = floats(a + SIZE * i * a_row, columns)
        for j in range(first, columns):
            floats(b + SIZE * (j * b_row + i), 1)[0] = row[j]


@intrinsic
def _square(typing: Any, a: Any, a_row: Any, b: Any, b_row: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, a_row, b, b_row = args
        lines = [builder.load(_line(builder, a, a_row, i), align=SIZE) for i in range(LANES)]
        apart = 1
        while apart < LANES:
            for i in range(LANES):
                if not i & apart:
                    lines[i], lines[i + apart] = _swapped(
                        builder, lines[i], lines[i + apart], apart
                    )
            apart *= 2
        for i, line in enumerate(lines):
            builder.store(line, _line(builder, b, b_row, i), align=SIZE)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), emit


def _line(builder: Any, start: Any, row: Any, i: int) -> Any:
    """Pointer to the vector at the start of row i."""
    first = builder.inttoptr(start, FLOAT.as_pointer())
    return builder.bitcast(builder.gep(first, [builder.mul(row, INT(i))]), VECTOR.as_pointer())


def _swapped(builder: Any, upper: Any, lower: Any, apart: int) -> tuple[Any, Any]:
    """Two vectors, whose squares off the diagonal have changed places."""
    above = [i if not i & apart else LANES + i - apart for i in range(LANES)]
    below = [i + apart if not i & apart else LANES + i for i in range(LANES)]
    kind = ir.VectorType(I32, LANES)
    return tuple(
        builder.shuffle_vector(upper, lower, ir.Constant(kind, lanes)) for lanes in (above, below)
    )


def transpose(a: Array, b: Array) -> None:
    """b = aᵀ, both contiguous."""
    tape.keep(a, b)
    tape.run(_transpose, address(a), *a.shape, address(b))


@compiled("void(i8, i8, i8, i8)")
def _transpose(a, rows, columns, b):  # type: ignore[no-untyped-def]
    turn(rows, columns, a, columns, b, rows)
