"""A product whose rows lie anywhere: convolution without a matrix of columns.

A pixel of a convolution's result is a sum over taps (the places of the kernel) of a run of channels
times the weights of this tap. So A's rows are given by tables of offsets: where each pixel's window
begins, and how far each tap is from there. A tile walks all taps of its pixels with its sums in
registers:

    C[c_at[i]] = max(first + Σ_t Σ_k A[a_at[i] + tap_at[t] + k a_k] B[t, k], floor)

Stride, dilation, the edge of a row and the phases of a strided gradient are in the tables; a weight
gradient has the elements of the kernel as its rows and the rows of the image as its taps.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from azuraforge.engine.kernels.compile import native, part
from azuraforge.engine.kernels.simd import FLOAT, INT, LANES, PANEL, REGISTERS, VECTORS, Tile

FLOAT_SIZE, ENTRY_SIZE = 4, 8  # bytes of a float32, and of an entry of a table
HALF = VECTORS // 2


def height(vectors: int) -> int:
    """How many rows a tile of this width has."""
    return min(12, (REGISTERS - vectors - 1) // vectors)


@cache
def tap_tile(rows: int, vectors: int, *, is_ragged: bool) -> Any:
    """The intrinsic `f(a, a_at, last, tap_at, taps, k, a_k, b, b_k, c, c_at, first, first_row,
    floor, columns)`, as in the formula above.

    Arrays of float32 and tables of int64 are given by address, distances in floats. The sums begin
    with `first`: one row for all where `first_row` is 0, where it is 1 rows that lie as those of C;
    with zeros where the address is 0. Rows after row `last` do once more what that one does.
    """

    @intrinsic
    def kernel(
        typing: Any, a: Any, a_at: Any, last: Any, tap_at: Any, taps: Any, k: Any, a_k: Any, b: Any,
        b_k: Any, c: Any, c_at: Any, first: Any, first_row: Any, floor: Any, columns: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _TapTile(builder, rows, vectors, is_ragged, args).emit()
            return context.get_dummy_value()

        number = types.int64
        return types.void(*[number] * 13, types.float32, number), emit

    return kernel


class _TapTile(Tile):
    """The code of one tile, as it is written."""

    def __init__(self, builder: Any, rows: int, vectors: int, is_ragged: bool, args: Any) -> None:
        (
            self.a, self.a_at, self.last, self.tap_at, self.taps, self.k, self.a_k, self.b,
            self.b_k, self.c, self.c_at, self.first, self.first_row, self.floor, self.columns,
        ) = args  # fmt: skip
        self.builder = builder
        self.rows, self.vectors = range(rows), range(vectors)
        self.masks = self._masks() if is_ragged else [None] * vectors

    def _c_offset(self, i: int) -> Any:
        return self._row(self.c_at, i)

    def _first_offset(self, i: int) -> Any:
        return self.builder.mul(self._c_offset(i), self.first_row)

    def _row(self, table: Any, i: int) -> Any:
        """Where row i lies, or the last one."""
        is_there = self.builder.icmp_signed("<", INT(i), self.last)
        return self._offset(table, self.builder.select(is_there, INT(i), self.last))

    def _offset(self, table: Any, i: Any) -> Any:
        """Element i of a table."""
        entries = self.builder.inttoptr(table, INT.as_pointer())
        return self.builder.load(self.builder.gep(entries, [i]))

    def _loop(self, begun: list[list[Any]]) -> list[list[Any]]:
        builder = self.builder
        a, start = self._pointer(self.a), self._pointer(self.b)
        a_rows = [self._at(a, self._row(self.a_at, i)) for i in self.rows]
        entry = builder.block
        outer, body, after, done = (
            builder.append_basic_block(name) for name in ("tap", "run", "next", "done")
        )
        builder.cbranch(builder.icmp_signed(">", self.taps, INT(0)), outer, done)

        builder.position_at_end(outer)
        tap, b_tap = builder.phi(INT), builder.phi(start.type)
        held = self._phis()
        run = self._offset(self.tap_at, tap)
        builder.branch(body)

        builder.position_at_end(body)
        step, along, b = builder.phi(INT), builder.phi(INT), builder.phi(start.type)
        sums = self._phis()
        panel = [self._load(b, v) for v in self.vectors]
        added = []
        for row, totals in zip(a_rows, sums, strict=True):
            x = self._splat(builder.load(self._at(row, along)))
            added.append([self._fma(x, w, total) for w, total in zip(panel, totals, strict=True)])
        following, b_next = builder.add(step, INT(1)), self._at(b, self.b_k)
        turns = [(step, INT(0), following), (b, b_tap, b_next)]
        turns += [(along, run, builder.add(along, self.a_k))]
        turns += [(sums[i][v], held[i][v], added[i][v]) for i in self.rows for v in self.vectors]
        for phi, before, later in turns:
            phi.add_incoming(before, outer)
            phi.add_incoming(later, body)
        builder.cbranch(builder.icmp_signed("<", following, self.k), body, after)

        builder.position_at_end(after)
        next_tap = builder.add(tap, INT(1))
        turns = [(tap, INT(0), next_tap), (b_tap, start, b_next)]
        turns += [(held[i][v], begun[i][v], added[i][v]) for i in self.rows for v in self.vectors]
        for phi, before, later in turns:
            phi.add_incoming(before, entry)
            phi.add_incoming(later, after)
        builder.cbranch(builder.icmp_signed("<", next_tap, self.taps), outer, done)

        builder.position_at_end(done)
        return self._either(begun, entry, added, after)


def _pass(vectors: int, is_ragged: bool) -> Any:
    """All rows of the columns one tile spans."""
    rows = height(vectors)
    run_tile = tap_tile(rows, vectors, is_ragged=is_ragged)

    @part
    def run(m, taps, k, a, a_at, tap_at, a_k, b, b_k, c, c_at, first, first_row, floor, columns):  # type: ignore[no-untyped-def]
        for i in range(0, m, rows):
            far, last = ENTRY_SIZE * i, min(rows, m - i) - 1
            run_tile(
                a, a_at + far, last, tap_at, taps, k, a_k, b, b_k, c, c_at + far,
                first, first_row, floor, columns,
            )  # fmt: skip

    return run


_full, _wide = _pass(VECTORS, False), _pass(VECTORS, True)
_half, _less = _pass(HALF, False), _pass(HALF, True)
_thin, _thinner = _pass(1, False), _pass(1, True)


@native(f"void({', '.join(['i8'] * 14)}, f4)")
def _tap_product(m, n, taps, k, a, a_at, tap_at, a_k, b, b_k, c, c_at, first, first_row, floor):  # type: ignore[no-untyped-def]
    """All of C, panel by panel: m rows as the tables say, n columns; in one thread."""
    for j in range(0, n, PANEL):
        columns, far = min(PANEL, n - j), FLOAT_SIZE * j
        given = (
            m, taps, k, a, a_at, tap_at, a_k, b + far, b_k, c + far, c_at,
            first + far if first else first, first_row, floor, columns,
        )  # fmt: skip
        if columns == PANEL:
            _full(*given)
        elif columns > HALF * LANES:
            _wide(*given)
        elif columns == HALF * LANES:
            _half(*given)
        elif columns > LANES:
            _less(*given)
        elif columns == LANES:
            _thin(*given)
        else:
            _thinner(*given)


TAP_PRODUCT = _tap_product.address  # what kernels pass to `tap_product`


@intrinsic
def tap_product(
    typing: Any, at: Any, m: Any, n: Any, taps: Any, k: Any, a: Any, a_at: Any, tap_at: Any,
    a_k: Any, b: Any, b_k: Any, c: Any, c_at: Any, first: Any, first_row: Any, floor: Any,
) -> Any:  # fmt: skip
    """Call the product that was compiled at address `at`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [INT] * 14 + [FLOAT])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 15, types.float32), emit
