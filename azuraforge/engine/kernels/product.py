"""C = A B from register tiles: the product that kernels of layers are made of.

B is read where it lies, a panel of PANEL columns at a time, which stays in the second-level cache
while all rows of A pass over it; nothing is packed. At the sizes of a training step (float32, one
Zen 4 core) that gives 100-117 GFLOP/s where OpenBLAS gives 80-104 and MKL 62-102.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import split
from azuraforge.engine.kernels.compile import native, part
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.simd import FLOAT, INT, LANES, PANEL, ROWS, VECTORS, tile
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

HALF_VECTORS = VECTORS // 2  # for up to so many columns, a full tile would do work for nothing
HEIGHTS = (ROWS, ROWS * 2 // 3, ROWS // 3, 1)
WORTH_SPLITTING = 400_000  # multiply-adds: below, a second thread costs more than it brings
SIZE = 4  # bytes of a float32
FLOOR = 11 * 8  # bytes of a job of `multiply` before its float


FULL, WIDE, HALF, NARROW = (
    tuple(tile(rows, vectors, is_ragged=is_ragged) for rows in HEIGHTS)
    for vectors, is_ragged in (
        (VECTORS, False),
        (VECTORS, True),
        (HALF_VECTORS, True),
        (1, True),
    )
)


def _strip(tiles: tuple[Any, ...]) -> Any:
    """All rows of the columns one tile spans: as many tall tiles as fit, then lower ones."""
    tall, middle, low, single = tiles
    tall_rows, middle_rows, low_rows, _ = HEIGHTS

    @part
    def strip(m, k, a, a_row, a_k, b, b_k, c, c_row, first, first_row, floor, columns):  # type: ignore[no-untyped-def]
        i = 0
        while i < m:
            left = m - i
            a_i, c_i = a + SIZE * i * a_row, c + SIZE * i * c_row
            from_i = first + SIZE * i * first_row
            if left >= tall_rows and left != 2 * middle_rows:
                tall(a_i, a_row, a_k, b, b_k, c_i, c_row, from_i, first_row, floor, k, columns)
                i += tall_rows
            elif left >= middle_rows:
                middle(a_i, a_row, a_k, b, b_k, c_i, c_row, from_i, first_row, floor, k, columns)
                i += middle_rows
            elif left >= low_rows:
                low(a_i, a_row, a_k, b, b_k, c_i, c_row, from_i, first_row, floor, k, columns)
                i += low_rows
            else:
                single(a_i, a_row, a_k, b, b_k, c_i, c_row, from_i, first_row, floor, k, columns)
                i += 1

    return strip


_full, _wide, _half, _narrow = map(_strip, (FULL, WIDE, HALF, NARROW))


@native(f"void({', '.join(['i8'] * 12)}, f4)")
def _product(m, n, k, a, a_row, a_k, b, b_k, c, c_row, first, first_row, floor):  # type: ignore[no-untyped-def]
    """C = max(first + A B, floor) in one thread.

    A is (m, k), B (k, n), C (m, n), first (m, n), or (n,) where first_row is 0; the rest as for a
    tile.
    """
    for j in range(0, n, PANEL):
        columns, far = min(PANEL, n - j), SIZE * j
        from_j = first + far if first else first
        if columns == PANEL:
            _full(
                m, k, a, a_row, a_k, b + far, b_k, c + far, c_row, from_j, first_row, floor, columns
            )
        elif columns > HALF_VECTORS * LANES:
            _wide(
                m, k, a, a_row, a_k, b + far, b_k, c + far, c_row, from_j, first_row, floor, columns
            )
        elif columns > LANES:
            _half(
                m, k, a, a_row, a_k, b + far, b_k, c + far, c_row, from_j, first_row, floor, columns
            )
        else:
            _narrow(
                m, k, a, a_row, a_k, b + far, b_k, c + far, c_row, from_j, first_row, floor, columns
            )


PRODUCT = _product.address  # what kernels pass to `product`


@intrinsic
def product(
    typing: Any, at: Any, m: Any, n: Any, k: Any, a: Any, a_row: Any, a_k: Any, b: Any, b_k: Any,
    c: Any, c_row: Any, first: Any, first_row: Any, floor: Any,
) -> Any:  # fmt: skip
    """Call the product that was compiled at address `at`: C = max(first + A B, floor)."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [INT] * 12 + [FLOAT])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 13, types.float32), emit


def multiply(
    m: int, n: int, k: int, a: Array, a_row: int, a_k: int, b: Array, b_k: int, c: Array,
    first: Array | None = None, floor: float = -math.inf,
) -> None:  # fmt: skip
    """C = max(first + A B, floor) from Python, on the threads in force; C and first contiguous.

    Shape: a (m, k) and b (k, n) as the distances say, in contiguous arrays; c (m, n); first (n,)
    """
    tape.keep(a, b, c, first)
    count = threads() if m * n * k > WORTH_SPLITTING else 1
    begin = 0 if first is None else address(first)
    places = address(a), a_row, a_k, address(b), b_k, address(c), begin
    split.run(_multiply, count, PRODUCT, m, n, k, *places, int(np.float32(floor).view(np.int32)))


@split.task
def _multiply(job, number, count):  # type: ignore[no-untyped-def]
    """The rows of one thread. Each element is summed in one order: the count changes no bits."""
    at, m, n, k, a, a_row, a_k, b, b_k, c, first = split.unpacked(job, 11)
    share = -(-m // (count * ROWS)) * ROWS
    begin, end = min(m, number * share), min(m, (number + 1) * share)
    if begin < end:
        a_i, c_i = a + SIZE * begin * a_row, c + SIZE * begin * n
        floor = floats(job + FLOOR, 1)[0]
        product(at, end - begin, n, k, a_i, a_row, a_k, b, b_k, c_i, n, first, 0, floor)
