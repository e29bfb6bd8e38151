"""Formulas as LLVM code: of one number for the loops of kernels, or over arrays in whole vectors.

LLVM makes no vectors of a loop over more than about five arrays, and runs the last numbers of each
row one at a time. What is made here does neither: the rest of a row is a vector with lanes masked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from azuraforge.engine.kernels.simd import FLOAT, I32, INT, LANES, MASK, VECTOR

HAS_SCALING = LANES == 16  # AVX-512 multiplies by a power of 2, to the ends of the range
TOGETHER = 2  # vectors of each array at a time: the registers hold no more


@dataclass(frozen=True, eq=False)
class Value:
    """Numbers or vectors in code that is being written; arithmetic with them writes more.

    Several at a time, side by side: the CPU works at one while another's result is not there yet.
    """

    builder: Any
    vectors: tuple[Any, ...]

    def __add__(self, other: Value | float) -> Value:
        return self.each(self.builder.fadd, other)

    def __sub__(self, other: Value | float) -> Value:
        return self.each(self.builder.fsub, other)

    def __mul__(self, other: Value | float) -> Value:
        return self.each(self.builder.fmul, other)

    def __rsub__(self, other: float) -> Value:
        return self.lift(other) - self

    def __rtruediv__(self, other: float) -> Value:
        return self.lift(other).each(self.builder.fdiv, self)

    def __neg__(self) -> Value:
        return self.each(self.builder.fneg)

    def __lt__(self, other: Value | float) -> Value:
        return self.each(lambda x, y: self.builder.fcmp_ordered("<", x, y), other)

    def __gt__(self, other: Value | float) -> Value:
        return self.each(lambda x, y: self.builder.fcmp_ordered(">", x, y), other)

    def __ge__(self, other: Value | float) -> Value:
        return self.each(lambda x, y: self.builder.fcmp_ordered(">=", x, y), other)

    __radd__, __rmul__ = __add__, __mul__

    def lift(self, x: Value | float) -> Value:
        """A number of Python's, as many times and in as many lanes."""
        if isinstance(x, Value):
            return x
        return Value(self.builder, tuple(constant(it.type, float(x)) for it in self.vectors))

    def call(self, name: str, *others: Value | float) -> Value:
        """What LLVM's own function of that name gives."""

        def one(*values: Any) -> Any:
            kind = values[0].type
            suffix = f"v{kind.count}f32" if isinstance(kind, ir.VectorType) else "f32"
            function = declared(self.builder, f"llvm.{name}.{suffix}", kind, [kind] * len(values))
            return self.builder.call(function, values)

        return self.each(one, *others)

    def scaled(self, n: Whole) -> Value:
        """The numbers times 2ⁿ; one instruction where HAS_SCALING."""

        def one(x: Any, exponent: Any) -> Any:
            lanes = f"v{x.type.count}" if isinstance(x.type, ir.VectorType) else ""
            name = f"llvm.ldexp.{lanes}f32.{lanes}i32"
            function = declared(self.builder, name, x.type, [x.type, exponent.type])
            return self.builder.call(function, [x, exponent])

        return Value(self.builder, tuple(map(one, self.vectors, n.vectors)))

    def bits(self) -> Whole:
        """The same bits as whole numbers of 32."""
        return Whole(self.builder, _cast(self.builder.bitcast, self.vectors, I32))

    def each(self, instruction: Callable[..., Any], *others: Value | float) -> Value:
        rows = zip(self.vectors, *(self.lift(x).vectors for x in others), strict=True)
        return Value(self.builder, tuple(instruction(*row) for row in rows))


@dataclass(frozen=True, eq=False)
class Whole:
    """Whole numbers of 32 bits, or vectors of them, as Value is of floats."""

    builder: Any
    vectors: tuple[Any, ...]

    def __add__(self, other: Whole | int) -> Whole:
        return self._each(self.builder.add, other)

    def __sub__(self, other: Whole | int) -> Whole:
        return self._each(self.builder.sub, other)

    def __and__(self, other: Whole | int) -> Whole:
        return self._each(self.builder.and_, other)

    def __lshift__(self, bits: int) -> Whole:
        return self._each(self.builder.shl, bits)

    def __rshift__(self, bits: int) -> Whole:
        return self._each(self.builder.ashr, bits)

    def as_number(self) -> Value:
        """The floats of the same bits."""
        return Value(self.builder, _cast(self.builder.bitcast, self.vectors, FLOAT))

    def to_number(self) -> Value:
        """The floats of the same value."""
        return Value(self.builder, _cast(self.builder.sitofp, self.vectors, FLOAT))

    def _each(self, instruction: Callable[[Any, Any], Any], other: Whole | int) -> Whole:
        if isinstance(other, int):
            other = Whole(self.builder, tuple(constant(it.type, other) for it in self.vectors))
        return Whole(self.builder, tuple(map(instruction, self.vectors, other.vectors)))


def fma(x: Value, y: Value | float, z: Value | float) -> Value:
    """x y + z, rounded once where the CPU can."""
    return x.call("fmuladd", y, z)


def where(condition: Value, x: Value | float, y: Value | float) -> Value:
    """x where the condition holds, else y; one of them is a Value."""
    one = x if isinstance(x, Value) else y
    assert isinstance(one, Value)
    return condition.each(one.builder.select, one.lift(x), one.lift(y))


def together(f: Callable[[Value], Value], *xs: Value) -> list[Value]:
    """f of each, side by side."""
    builder, width = xs[0].builder, len(xs[0].vectors)
    made = f(Value(builder, tuple(it for x in xs for it in x.vectors))).vectors
    return [Value(builder, made[at : at + width]) for at in range(0, len(made), width)]


def _cast(
    instruction: Callable[[Any, Any], Any], given: tuple[Any, ...], to: Any
) -> tuple[Any, ...]:
    kind = given[0].type
    to = ir.VectorType(to, kind.count) if isinstance(kind, ir.VectorType) else to
    return tuple(instruction(it, to) for it in given)


def constant(kind: Any, x: float) -> Any:
    """The constant, in every lane of a vector."""
    return ir.Constant(kind, [x] * kind.count if isinstance(kind, ir.VectorType) else x)


def declared(builder: Any, name: str, result: Any, operands: Sequence[Any]) -> Any:
    """LLVM's function of that name."""
    module = builder.module
    kind = ir.FunctionType(result, operands)
    return module.globals.get(name) or ir.Function(module, kind, name)


def of_a_number(formula: Callable[..., Value]) -> Any:
    """The formula as a function of float32, to be called in compiled code."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return formula(*(Value(builder, (x,)) for x in args)).vectors[0]

    names = list(inspect.signature(formula).parameters)
    return _intrinsic(names, types.float32, types.float32, emit)


def over_arrays(formula: Callable[..., Sequence[Value]], outputs: int) -> Any:
    """The function `f(count, *inputs, *outputs)` of addresses: outputs[k] = formula(inputs[k]).

    An output may be an input; otherwise they must not overlap.
    """
    given = list(inspect.signature(formula).parameters)
    names = ["count", *given, *(f"to_{place}" for place in range(outputs))]

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        count, arrays = args[0], [builder.inttoptr(x, FLOAT.as_pointer()) for x in args[1:]]
        inputs, into = arrays[: len(given)], arrays[len(given) :]

        def step(places: Sequence[Any], masks: Sequence[Any]) -> None:
            at = list(zip(places, masks, strict=True))
            loaded = [tuple(load(builder, x, *place) for place in at) for x in inputs]
            made = formula(*(Value(builder, vectors) for vectors in loaded))
            for y, value in zip(into, made, strict=True):
                for vector, place in zip(value.vectors, at, strict=True):
                    store(builder, vector, y, *place)

        _all_of(builder, count, step)
        return context.get_dummy_value()

    return _intrinsic(names, types.void, types.int64, emit)


def over_rows(formula: Callable[..., Sequence[Any]], columns: int, carried: int) -> Any:
    """The function `f(rows, *matrices, *lines)` of addresses: formula, row after row of matrices.

    They are contiguous, of so many columns, a whole number of vectors. The formula's first operands
    are numbers of matrices, then of lines; it gives the numbers of the matrices, or None where they
    stay, and of the first `carried` lines as the next row is to find them. Other lines are
    constants. Lines lie in registers meanwhile.
    """
    names = list(inspect.signature(formula).parameters)
    matrices = names.index(next(name for name in names if name.startswith("line_")))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows, arrays = args[0], [builder.inttoptr(x, FLOAT.as_pointer()) for x in args[1:]]
        step = min(TOGETHER, columns // LANES)
        for first in range(0, columns // LANES, step):
            places = [INT(LANES * (first + v)) for v in range(min(step, columns // LANES - first))]
            _down(builder, formula, rows, columns, places, arrays, matrices, carried)
        return context.get_dummy_value()

    return _intrinsic(["rows", *names], types.void, types.int64, emit)


def _down(
    builder: Any, formula: Callable[..., Sequence[Any]], rows: Any, columns: int,
    places: Sequence[Any], arrays: Sequence[Any], matrices: int, carried: int,
) -> None:  # fmt: skip
    """Write the loop over the rows of some columns."""

    def loaded(x: Any) -> Value:
        return Value(builder, tuple(load(builder, x, place, None) for place in places))

    def stored(value: Value, x: Any) -> None:
        for vector, place in zip(value.vectors, places, strict=True):
            store(builder, vector, x, place, None)

    lines = [loaded(x) for x in arrays[matrices:]]
    before, body = builder.block, builder.append_basic_block("rows")
    done = builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", INT(0), rows), body, done)

    builder.position_at_end(body)
    row = builder.phi(INT)
    states = [Value(builder, tuple(builder.phi(VECTOR) for _ in places)) for _ in range(carried)]
    at = builder.mul(row, INT(columns))
    here = [builder.gep(x, [at]) for x in arrays[:matrices]]
    made = formula(*map(loaded, here), *states, *lines[carried:])
    for x, value in zip(here, made, strict=False):
        if value is not None:
            stored(value, x)
    following = builder.add(row, INT(1))
    row.add_incoming(INT(0), before)
    row.add_incoming(following, body)
    new = made[matrices:]
    _meet(states, (lines, before), (new, body))
    builder.cbranch(builder.icmp_signed("<", following, rows), body, done)

    builder.position_at_end(done)
    last = [Value(builder, tuple(builder.phi(VECTOR) for _ in places)) for _ in range(carried)]
    _meet(last, (lines, before), (new, body))
    for value, x in zip(last, arrays[matrices:], strict=False):
        stored(value, x)


def _meet(phis: Sequence[Value], *ways: tuple[Sequence[Value], Any]) -> None:
    """Each phi is the value that comes from the block control came from."""
    for values, block in ways:
        for phi, value in zip(phis, values, strict=False):
            for one, vector in zip(phi.vectors, value.vectors, strict=True):
                one.add_incoming(vector, block)


def _all_of(builder: Any, count: Any, step: Callable[[Sequence[Any], Sequence[Any]], None]) -> None:
    """Write `step(places, masks)` for TOGETHER vectors at a time, and with masks for the rest."""
    offsets = range(0, TOGETHER * LANES, LANES)
    whole = builder.and_(count, INT(-TOGETHER * LANES))
    before, body = builder.block, builder.append_basic_block("lanes")
    rest = builder.append_basic_block("rest")
    builder.cbranch(builder.icmp_signed("<", INT(0), whole), body, rest)

    builder.position_at_end(body)
    k = builder.phi(INT)
    step([builder.add(k, INT(offset)) for offset in offsets], [None] * TOGETHER)
    following = builder.add(k, INT(TOGETHER * LANES))
    k.add_incoming(INT(0), before)
    k.add_incoming(following, body)
    builder.cbranch(builder.icmp_signed("<", following, whole), body, rest)

    builder.position_at_end(rest)
    with builder.if_then(builder.icmp_signed("<", whole, count)):
        left = splat(builder, builder.sub(count, whole))
        lanes = [ir.Constant(left.type, list(range(at, at + LANES))) for at in offsets]
        masks = [builder.icmp_signed("<", each, left) for each in lanes]
        step([builder.add(whole, INT(offset)) for offset in offsets], masks)


def load(builder: Any, pointer: Any, k: Any, mask: Any) -> Any:
    """The vector that begins at the k-th number; zeros where the mask is not set."""
    at = builder.bitcast(builder.gep(pointer, [k]), VECTOR.as_pointer())
    if mask is None:
        found = builder.load(at)
        found.align = 4
        return found
    name = f"llvm.masked.load.v{LANES}f32.p0"
    function = declared(builder, name, VECTOR, [at.type, I32, MASK, VECTOR])
    return builder.call(function, [at, I32(4), mask, constant(VECTOR, 0.0)])


def store(builder: Any, value: Any, pointer: Any, k: Any, mask: Any) -> None:
    """Put the vector where the k-th number begins, but for lanes where the mask is not set."""
    at = builder.bitcast(builder.gep(pointer, [k]), VECTOR.as_pointer())
    if mask is None:
        builder.store(value, at).align = 4
        return
    name = f"llvm.masked.store.v{LANES}f32.p0"
    function = declared(builder, name, ir.VoidType(), [VECTOR, at.type, I32, MASK])
    builder.call(function, [value, at, I32(4), mask])


def splat(builder: Any, x: Any) -> Any:
    """The number in every lane."""
    kind = ir.VectorType(x.type, LANES)
    lane = builder.insert_element(ir.Constant(kind, ir.Undefined), x, I32(0))
    zeros = ir.Constant(ir.VectorType(I32, LANES), [0] * LANES)
    return builder.shuffle_vector(lane, lane, zeros)


def _intrinsic(names: Sequence[str], result: Any, kind: Any, emit: Callable[..., Any]) -> Any:
    """A function of so many operands of one kind; Numba goes by the names in its signature."""

    def typed(typing: Any, *given: Any) -> Any:
        return result(*[kind] * len(given)), emit

    place = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, place) for name in ("typing", *names)]
    typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return intrinsic(typed)
