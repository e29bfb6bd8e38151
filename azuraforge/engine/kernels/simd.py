"""Vector registers from Python: the intrinsics that matrix kernels are made of.

A tile is a block of C held in registers while one pass over the inner dimension adds to it:

          k →                 vectors × LANES
        ┌──────┐             ┌───────┬───────┐
    rows│  A   │ broadcast × │  B    │       │ k ↓      one load of B per vector and k,
        │      │             │       │       │          one broadcast of A per row and k,
        └──────┘             └───────┴───────┘          rows × vectors multiply-adds

LLVM is given whole vectors and row pointers that do not change inside the loop; with addresses
computed inside it, it kept all broadcasts alive at once and spilled sums to the stack (57 GFLOP/s
against 116 of one Zen 4 core). rows × vectors + vectors + 1 must not exceed the registers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

INT = ir.IntType(64)
I32 = ir.IntType(32)


class Machine(NamedTuple):
    """The vectors of this CPU: floats in one, and how many registers hold them."""

    lanes: int
    registers: int


def machine() -> Machine:
    """AVX-512, AVX2 with fused multiply-add, or 128 bits (NEON, and whatever else there is)."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return Machine(16, 32)
    if features.get("avx2") and features.get("fma"):
        return Machine(8, 16)
    return Machine(4, 32 if features.get("neon") else 16)


LANES, REGISTERS = machine()
VECTORS = 4 if REGISTERS == 32 else 2  # of B side by side in a full tile
ROWS = (REGISTERS - VECTORS - 1) // VECTORS  # 6 with 32 registers, 6 with 16
PANEL = VECTORS * LANES  # columns of C that a full tile covers

FLOAT = ir.FloatType()
VECTOR = ir.VectorType(FLOAT, LANES)
MASK = ir.VectorType(ir.IntType(1), LANES)


@cache
def tile(rows: int, vectors: int, *, is_ragged: bool = False) -> Callable[..., Any]:
    """The intrinsic `f(a, a_row, a_k, b, b_k, c, c_row, first, first_row, floor, k, columns)`.

    C = max(first + A B, floor). Arrays of float32 are given by address (`array.ctypes.data`),
    distances in floats: rows of A lie `a_row` apart and its columns `a_k`, rows of B `b_k`, rows of
    C `c_row`, those of what the sums begin with `first_row` (0: one row, a bias, for all); address
    0 begins with zeros. NaN is above any floor. A ragged tile touches `columns` columns of B, C
    and first only; another one takes them all.
    """

    @intrinsic
    def kernel(
        typing: Any, a: Any, a_row: Any, a_k: Any, b: Any, b_k: Any, c: Any, c_row: Any,
        first: Any, first_row: Any, floor: Any, k: Any, columns: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            Tile(builder, rows, vectors, is_ragged, args).emit()
            return context.get_dummy_value()

        number = types.int64
        return types.void(*[number] * 9, types.float32, number, number), emit

    return kernel  # type: ignore[no-any-return]


class Tile:
    """The code of one tile, as it is written."""

    def __init__(self, builder: Any, rows: int, vectors: int, is_ragged: bool, args: Any) -> None:
        self.builder = builder
        self.rows, self.vectors = range(rows), range(vectors)
        (
            self.a, self.a_row, self.a_k, self.b, self.b_k, self.c, self.c_row,
            self.first, self.first_row, self.floor, self.k, self.columns,
        ) = args  # fmt: skip
        self.masks = self._masks() if is_ragged else [None] * vectors

    def emit(self) -> None:
        c = self._pointer(self.c)
        floor = self._splat(self.floor)
        sums = self._loop(self._begun())
        for i in self.rows:
            row = self._at(c, self._c_offset(i))
            for v in self.vectors:
                above = self.builder.fcmp_unordered(">", sums[i][v], floor)  # NaN stays, and shows
                self._store(self.builder.select(above, sums[i][v], floor), row, v)

    def _c_offset(self, i: int) -> Any:
        return self.builder.mul(self.c_row, INT(i))

    def _first_offset(self, i: int) -> Any:
        return self.builder.mul(self.first_row, INT(i))

    def _begun(self) -> list[list[Any]]:
        """What the sums begin with: loaded where there is an address, zeros where it is 0."""
        builder = self.builder
        entry = builder.block
        given, body = builder.append_basic_block("given"), builder.append_basic_block("begun")
        builder.cbranch(builder.icmp_signed("!=", self.first, INT(0)), given, body)

        builder.position_at_end(given)
        first = self._pointer(self.first)
        rows = [self._at(first, self._first_offset(i)) for i in self.rows]
        loaded = [[self._load(row, v) for v in self.vectors] for row in rows]
        builder.branch(body)

        builder.position_at_end(body)
        zeros = [[ir.Constant(VECTOR, None) for _ in self.vectors] for _ in self.rows]
        return self._either(zeros, entry, loaded, given)

    def _loop(self, begun: list[list[Any]]) -> list[list[Any]]:
        builder = self.builder
        a, start = self._pointer(self.a), self._pointer(self.b)
        a_rows = [self._at(a, builder.mul(self.a_row, INT(i))) for i in self.rows]
        entry = builder.block
        body, done = builder.append_basic_block("tile"), builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed(">", self.k, INT(0)), body, done)

        builder.position_at_end(body)
        step, along, b = builder.phi(INT), builder.phi(INT), builder.phi(start.type)
        sums = self._phis()
        panel = [self._load(b, v) for v in self.vectors]
        added = []
        for row, totals in zip(a_rows, sums, strict=True):
            x = self._splat(builder.load(self._at(row, along)))
            added.append([self._fma(x, w, total) for w, total in zip(panel, totals, strict=True)])
        following = builder.add(step, INT(1))
        turns = [(step, INT(0), following), (along, INT(0), builder.add(along, self.a_k))]
        turns += [(b, start, self._at(b, self.b_k))]
        turns += [(sums[i][v], begun[i][v], added[i][v]) for i in self.rows for v in self.vectors]
        for phi, before, after in turns:
            phi.add_incoming(before, entry)
            phi.add_incoming(after, body)
        builder.cbranch(builder.icmp_signed("<", following, self.k), body, done)

        builder.position_at_end(done)
        return self._either(begun, entry, added, body)

    def _either(
        self, one: list[list[Any]], from_one: Any, other: list[list[Any]], from_other: Any
    ) -> list[list[Any]]:
        """The vectors of whichever block control came from."""
        merged = self._phis()
        for i in self.rows:
            for v in self.vectors:
                merged[i][v].add_incoming(one[i][v], from_one)
                merged[i][v].add_incoming(other[i][v], from_other)
        return merged

    def _phis(self) -> list[list[Any]]:
        return [[self.builder.phi(VECTOR) for _ in self.vectors] for _ in self.rows]

    def _masks(self) -> list[Any]:
        """For each vector, which of its lanes are columns of C."""
        builder = self.builder
        lanes = ir.Constant(ir.VectorType(INT, LANES), list(range(LANES)))
        columns = self._splat(self.columns)
        offsets = [ir.Constant(lanes.type, [LANES * v] * LANES) for v in self.vectors]
        return [builder.icmp_signed("<", builder.add(lanes, at), columns) for at in offsets]

    def _pointer(self, address: Any) -> Any:
        return self.builder.inttoptr(address, FLOAT.as_pointer())

    def _at(self, pointer: Any, offset: Any) -> Any:
        return self.builder.gep(pointer, [offset])

    def _vector_at(self, pointer: Any, v: int) -> Any:
        return self.builder.bitcast(self._at(pointer, INT(LANES * v)), VECTOR.as_pointer())

    def _load(self, pointer: Any, v: int) -> Any:
        at, mask = self._vector_at(pointer, v), self.masks[v]
        if mask is None:
            loaded = self.builder.load(at)
            loaded.align = 4
            return loaded
        kind = ir.FunctionType(VECTOR, [at.type, I32, MASK, VECTOR])
        load = self._function(f"llvm.masked.load.v{LANES}f32.p0", kind)
        return self.builder.call(load, [at, I32(4), mask, ir.Constant(VECTOR, None)])

    def _store(self, value: Any, pointer: Any, v: int) -> None:
        at, mask = self._vector_at(pointer, v), self.masks[v]
        if mask is None:
            self.builder.store(value, at).align = 4
            return
        kind = ir.FunctionType(ir.VoidType(), [VECTOR, at.type, I32, MASK])
        store = self._function(f"llvm.masked.store.v{LANES}f32.p0", kind)
        self.builder.call(store, [value, at, I32(4), mask])

    def _splat(self, x: Any) -> Any:
        kind = ir.VectorType(x.type, LANES)
        nothing = ir.Constant(kind, ir.Undefined)
        lane = self.builder.insert_element(nothing, x, I32(0))
        zeros = ir.Constant(ir.VectorType(I32, LANES), [0] * LANES)
        return self.builder.shuffle_vector(lane, nothing, zeros)

    def _fma(self, x: Any, y: Any, z: Any) -> Any:
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        return self.builder.call(self._function(f"llvm.fma.v{LANES}f32", kind), [x, y, z])

    def _function(self, name: str, kind: Any) -> Any:
        module = self.builder.module
        return module.globals.get(name) or ir.Function(module, kind, name)
