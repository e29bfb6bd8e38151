"""C = A B from register tiles: the product that kernels of layers are made of.

B is read where it lies, a panel of PANEL columns at a time, which stays in the second-level cache
while all rows of A pass over it; nothing is packed. At the sizes of a training step (float32, one
Zen 4 core) that gives 100-117 GFLOP/s where OpenBLAS gives 80-104 and MKL 62-102.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from azuraforge.engine import tape
from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import compiled, native, part
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.simd import FLOAT, INT, LANES, PANEL, ROWS, VECTORS, tile
from azuraforge.engine.threads import threads

HALF_VECTORS = VECTORS // 2  # for up to so many columns, a full tile would do work for nothing
HEIGHTS = (ROWS, ROWS * 2 // 3, ROWS // 3, 1)
WORTH_SPLITTING = 400_000  # multiply-adds: below, a second thread costs more than it brings
SIZE = 4  # bytes of a float32


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


@part(parallel=True)
def split_product(at, threads, m, n, k, a, a_row, a_k, b, b_k, c, c_row, first, first_row, floor):  # type: ignore[no-untyped-def]
    """`product`, its rows split over threads where that is worth it.

    Each element is summed by one thread in one order: the count does not change the bits.
    """
    if threads == 1 or m * n * k < WORTH_SPLITTING:
        product(at, m, n, k, a, a_row, a_k, b, b_k, c, c_row, first, first_row, floor)
    else:
        share = -(-m // (threads * ROWS)) * ROWS
        for part_number in prange(threads):
            i = part_number * share
            rows = min(share, m - i)
            if rows > 0:
                a_i, c_i = a + SIZE * i * a_row, c + SIZE * i * c_row
                from_i = first + SIZE * i * first_row
                product(
                    at, rows, n, k, a_i, a_row, a_k, b, b_k, c_i, c_row, from_i, first_row, floor
                )


def multiply(
    m: int, n: int, k: int, a: Array, a_row: int, a_k: int, b: Array, b_k: int, c: Array,
    first: Array | None = None, floor: float = -math.inf,
) -> None:  # fmt: skip
    """C = max(first + A B, floor) from Python, on the threads in force; C and first contiguous.

    Shape: a (m, k) and b (k, n) as the distances say, in contiguous arrays; c (m, n); first (n,)
    """
    begin = 0 if first is None else address(first)
    places = address(a), a_row, a_k, address(b), b_k, address(c), n, begin, 0
    tape.keep(a, b, c, first)
    tape.run(_multiply, PRODUCT, threads(), m, n, k, *places, floor)


@compiled(f"void({', '.join(['i8'] * 14)}, f4)")
def _multiply(at, count, m, n, k, a, a_row, a_k, b, b_k, c, c_row, first, first_row, floor):  # type: ignore[no-untyped-def]
    split_product(at, count, m, n, k, a, a_row, a_k, b, b_k, c, c_row, first, first_row, floor)
