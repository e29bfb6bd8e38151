"""Formulas as nodes: every elementwise op, those that users fused included."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.engine.ops.promotion import common_type, floating
from azuraforge.engine.replay.trace import Applied
from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.emit.table import EMITTERS, emits
from azuraforge.interop.onnx.writer import Slot, Writer

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul", ast.Div: "Div", ast.Pow: "Pow",
    ast.Gt: "Greater", ast.GtE: "GreaterOrEqual", ast.Lt: "Less", ast.LtE: "LessOrEqual",
    ast.Eq: "Equal",
}  # fmt: skip
OF_TRUTH: dict[type[ast.AST], str] = {ast.Add: "Or", ast.Mult: "And"}
FUNCTIONS = {
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "tanh": "Tanh", "erf": "Erf", "abs": "Abs",
    "sign": "Sign", "maximum": "Max", "minimum": "Min", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh",
    "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "floor": "Floor", "ceil": "Ceil",
    "round": "Round",
}  # fmt: skip
TESTS = {
    "isnan": "IsNaN", "isinf": "IsInf", "logical_and": "And", "logical_or": "Or",
    "logical_xor": "Xor", "logical_not": "Not",
}  # fmt: skip
WRITTEN = {  # in the language itself, over a and b
    "cdf": "0.5 * (1 + erf(a * 0.7071067811865476))",
    "erfc": "1 - erf(a)",
    "exp2": "exp(a * 0.6931471805599453)",
    "expm1": "exp(a) - 1",
    "log2": "log(a) * 1.4426950408889634",
    "log10": "log(a) * 0.4342944819032518",
    "log1p": "log(1 + a)",
    "hypot": "sqrt(a * a + b * b)",
    "logaddexp": "maximum(a, b) + log(1 + exp(-abs(a - b)))",
    "trunc": "sign(a) * floor(abs(a))",
    "remainder": "a - floor(a / b) * b",
    "fmax": "b if isnan(a) else a if isnan(b) else maximum(a, b)",
    "fmin": "b if isnan(a) else a if isnan(b) else minimum(a, b)",
}


@emits("formula")
def formula(to: Writer, step: Applied) -> Slot:
    """The formula of the op, in the type that its operands have in common."""
    assert step.op.formulas is not None
    written, y = step.op.formulas[0], step.outputs[0]
    common = common_type(step.inputs)
    dtype = common if y.dtype.kind == "b" else y.dtype
    if written.makes_floats:
        dtype = floating(dtype)
    names = step.op.signature.inputs
    work = Work(to, dtype, dict(zip(names, map(to.of, step.inputs), strict=True)))
    found = work.truth(written.tree) if y.dtype.kind == "b" else work.number(written.tree)
    return to("Identity", found) if found.name in {work.slots[n].name for n in names} else found


class Work:
    """One formula over named slots, in one element type."""

    def __init__(self, to: Writer, dtype: np.dtype[Any], slots: dict[str, Slot]) -> None:
        self.to, self.dtype, self.slots = to, dtype, slots

    def number(self, tree: ast.expr) -> Slot:
        """The slot of an expression, as a number."""
        match tree:
            case ast.Name(id=name):
                return self.to.cast(self.slots[name], self.dtype)
            case ast.Constant(value=value):
                return self.to.constant(value, self.dtype)
            case ast.UnaryOp(operand=operand):
                return self.to("Neg", self.number(operand))
            case ast.BinOp(left=left, op=op, right=right):
                operators = OF_TRUTH if self.dtype.kind == "b" else OPERATORS
                if type(op) not in operators:
                    raise ConfigError("is arithmetic on truth values, which has no counterpart")
                return self.to(operators[type(op)], self.number(left), self.number(right))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._typed(
                    self.to("Where", self.truth(test), self.number(body), self.number(orelse))
                )
            case ast.Call(func=ast.Name(id=name), args=args) if self.dtype.kind in "iu":
                return self._whole(name, args)
            case ast.Call(func=ast.Name(id=name), args=args) if name in FUNCTIONS:
                return self.to(FUNCTIONS[name], *map(self.number, args))
            case ast.Call(func=ast.Name(id="fmod"), args=args):
                return self.to("Mod", *map(self.number, args), fmod=1)
            case ast.Call(func=ast.Name(id=name), args=args) if name in WRITTEN:
                inner = dict(zip("ab", map(self.number, args), strict=False))
                return Work(self.to, self.dtype, inner).number(_parsed(WRITTEN[name]))
        return self.to.cast(self.truth(tree), self.dtype)

    def _whole(self, name: str, args: list[ast.expr]) -> Slot:
        """A function of whole numbers; rounding them changes nothing."""
        operands = list(map(self.number, args))
        if name in ("floor", "ceil", "trunc", "round"):
            return operands[0]
        if name in ("remainder", "fmod"):
            return self.to("Mod", *operands, fmod=int(name == "fmod"))
        names = {"fmax": "Max", "fmin": "Min", **FUNCTIONS}
        if name not in names:
            raise ConfigError(f"uses {name}() of whole numbers, which has no counterpart")
        return self.to(names[name], *operands)

    def truth(self, tree: ast.expr) -> Slot:
        """The slot of an expression, as a truth value."""
        match tree:
            case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
                return self._test("Not", self._test("Equal", self.number(left), self.number(right)))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._test(OPERATORS[type(op)], self.number(left), self.number(right))
            case ast.Call(func=ast.Name(id="isfinite"), args=[x]):
                value = self.number(x)
                return self._test(
                    "Less", self.to("Abs", value), self.to.constant(math.inf, self.dtype)
                )
            case ast.Call(func=ast.Name(id=name), args=args) if name in TESTS:
                inner = self.number if name.startswith("is") else self.truth
                return self._test(TESTS[name], *map(inner, args))
            case ast.Name(id=name):
                return self.to.cast(self.slots[name], np.bool_)
            case ast.Call(func=ast.Name(id=name)) if name not in (*FUNCTIONS, *WRITTEN):
                raise ConfigError(f"uses {name}(), which has no counterpart among ONNX's operators")
        return self.to.cast(self.number(tree), np.bool_)

    def _test(self, op: str, *operands: Slot) -> Slot:
        made = self.to(op, *operands)
        return Slot(made.name, made.shape, np.dtype(np.bool_))

    def _typed(self, made: Slot) -> Slot:
        return Slot(made.name, made.shape, self.dtype)


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _plain(op: str) -> Callable[[Writer, Slot], Slot]:
    return lambda to, x: to(op, x)


def _gelu(approximate: str) -> Callable[..., Slot]:
    return lambda to, x: to("Gelu", x, approximate=approximate)


EMITTERS.update(
    relu=_plain("Relu"),
    sigmoid=_plain("Sigmoid"),
    gelu=_gelu("none"),
    gelu_tanh=_gelu("tanh"),
    silu=lambda to, x: to("Mul", x, to("Sigmoid", x)),
)
