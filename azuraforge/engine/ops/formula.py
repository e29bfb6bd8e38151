"""A formula is the text of an elementwise expression; here it is checked and lowered.

The language is a small part of Python: names of the operands, numbers, + - * / **, unary minus,
comparisons, `a if condition else b`, and the functions in FUNCTIONS. Lowering to array arithmetic
gives the reference on NumPy and CuPy alike; what they lack is our own function over arrays.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azuraforge.engine.ops.erf import cdf, erf, erfc, erfinv


@dataclass(frozen=True)
class Function:
    """A function of the language."""

    call: str  # how its call over arrays begins: "xp.name(" for what NumPy has, or "ours(xp, "
    is_float: bool = True  # whether it makes floating numbers out of whole ones
    is_compiled: bool = False  # whether kernels/elementwise.py has it in float32


def _of_numpy(name: str, **facts: bool) -> Function:
    return Function(f"xp.{name}(", **facts)


FUNCTIONS = {
    "exp": _of_numpy("exp", is_compiled=True),
    "log": _of_numpy("log", is_compiled=True),
    "sqrt": _of_numpy("sqrt", is_compiled=True),
    "tanh": _of_numpy("tanh", is_compiled=True),
    "erf": Function("erf(xp, ", is_compiled=True),
    "cdf": Function("cdf(xp, ", is_compiled=True),
    "abs": _of_numpy("absolute", is_float=False, is_compiled=True),
    "sign": _of_numpy("sign", is_float=False, is_compiled=True),
    "maximum": _of_numpy("maximum", is_float=False, is_compiled=True),
    "minimum": _of_numpy("minimum", is_float=False, is_compiled=True),
    "isnan": _of_numpy("isnan", is_float=False, is_compiled=True),
    "exp2": _of_numpy("exp2"),
    "expm1": _of_numpy("expm1"),
    "log2": _of_numpy("log2"),
    "log10": _of_numpy("log10"),
    "log1p": _of_numpy("log1p"),
    "sin": _of_numpy("sin"),
    "cos": _of_numpy("cos"),
    "tan": _of_numpy("tan"),
    "asin": _of_numpy("arcsin"),
    "acos": _of_numpy("arccos"),
    "atan": _of_numpy("arctan"),
    "atan2": _of_numpy("arctan2"),
    "sinh": _of_numpy("sinh"),
    "cosh": _of_numpy("cosh"),
    "asinh": _of_numpy("arcsinh"),
    "acosh": _of_numpy("arccosh"),
    "atanh": _of_numpy("arctanh"),
    "hypot": _of_numpy("hypot"),
    "copysign": _of_numpy("copysign"),
    "logaddexp": _of_numpy("logaddexp"),
    "logaddexp2": _of_numpy("logaddexp2"),
    "floor": _of_numpy("floor", is_float=False),
    "ceil": _of_numpy("ceil", is_float=False),
    "trunc": _of_numpy("trunc", is_float=False),
    "round": _of_numpy("rint", is_float=False),
    "fmod": _of_numpy("fmod", is_float=False),
    "remainder": _of_numpy("remainder", is_float=False),
    "fmax": _of_numpy("fmax", is_float=False),
    "fmin": _of_numpy("fmin", is_float=False),
    "isinf": _of_numpy("isinf", is_float=False),
    "isfinite": _of_numpy("isfinite", is_float=False),
    "signbit": _of_numpy("signbit", is_float=False),
    "logical_and": _of_numpy("logical_and", is_float=False),
    "logical_or": _of_numpy("logical_or", is_float=False),
    "logical_xor": _of_numpy("logical_xor", is_float=False),
    "logical_not": _of_numpy("logical_not", is_float=False),
    "erfc": Function("erfc(xp, "),
    "erfinv": Function("erfinv(xp, "),
}
OURS = {"cdf": cdf, "erf": erf, "erfc": erfc, "erfinv": erfinv}  # which NumPy lacks
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "true_divide",
    ast.Pow: "power",
    ast.USub: "negative",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
SPELLING: dict[type[ast.AST], str] = {  # in Python and in C
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


@dataclass(frozen=True)
class Formula:
    """A checked expression and the names in it, in the order of their first use."""

    text: str
    names: tuple[str, ...]
    tree: ast.expr

    @classmethod
    def parse(cls, text: str, known: tuple[str, ...]) -> Formula:
        """The formula of this text over `known` names.

        Raises: TypeError naming what the language does not have.
        """
        tree = ast.parse(text, mode="eval").body
        return cls(text, tuple(dict.fromkeys(_names(tree, known, text))), tree)

    @property
    def has_power(self) -> bool:
        return any(isinstance(node, ast.Pow) for node in ast.walk(self.tree))

    @property
    def functions(self) -> list[Function]:
        """Those it calls."""
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        return [FUNCTIONS[node.func.id] for node in calls if isinstance(node.func, ast.Name)]

    @property
    def is_compiled(self) -> bool:
        """Whether compiling it is worth while: a compiled power is slower than NumPy's."""
        return not self.has_power and all(function.is_compiled for function in self.functions)

    @property
    def makes_floats(self) -> bool:
        """Whether the result is floating for whole numbers, too."""
        nodes = list(ast.walk(self.tree))
        divides = any(isinstance(node, ast.Div) for node in nodes)
        fraction = any(isinstance(n, ast.Constant) and isinstance(n.value, float) for n in nodes)
        return divides or fraction or any(function.is_float for function in self.functions)

    def lower(self, out: str | None = None) -> Callable[..., Any]:
        """`f(xp, *names)`: array arithmetic; with `out`, one more parameter that it writes to."""
        parameters = ", ".join(("xp", *self.names, *([out] if out else [])))
        body = _written(self.tree, out) if out else _lowered(self.tree)
        source = f"lambda {parameters}: {body}"
        code = compile(source, f"{__file__}, lowered", "eval")  # of nodes that parse() checked
        function: Callable[..., Any] = eval(code, dict(OURS))  # noqa: S307
        return function


def _names(tree: ast.expr, known: tuple[str, ...], text: str) -> list[str]:
    match tree:
        case ast.Name(id=name) if name in known:
            return [name]
        case ast.Constant(value=int() | float()):
            return []
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            parts = [left, right]
        case ast.UnaryOp(operand=operand, op=ast.USub()):
            parts = [operand]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            parts = [left, right]
        case ast.IfExp(test=test, body=body, orelse=orelse):
            parts = [test, body, orelse]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            parts = args
        case _:
            raise TypeError(
                f"formula {text!r}: {ast.unparse(tree)!r} is not of the language; names here: "
                f"{', '.join(known)}; functions: {', '.join(FUNCTIONS)}"
            )
    return [name for part in parts for name in _names(part, known, text)]


def _written(tree: ast.expr, out: str) -> str:
    """The lowered expression, whose last step writes to `out`."""
    match tree:
        case ast.Name() | ast.Constant() | ast.IfExp():  # where() has no out
            return f"xp.copyto({out}, {_lowered(tree)})"
        case _:
            return f"{_lowered(tree)[:-1]}, out={out})"


def _lowered(tree: ast.expr) -> str:
    match tree:
        case ast.Name(id=name):
            return name
        case ast.Constant(value=value):
            return repr(value)
        case ast.BinOp(left=left, op=op, right=right):
            return f"xp.{OPERATORS[type(op)]}({_lowered(left)}, {_lowered(right)})"
        case ast.UnaryOp(operand=ast.Constant(value=int() | float() as value)):
            return repr(-value)  # by NumPy it would be a float64, and so all that it meets
        case ast.UnaryOp(operand=operand, op=op):
            return f"xp.{OPERATORS[type(op)]}({_lowered(operand)})"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return f"xp.{OPERATORS[type(op)]}({_lowered(left)}, {_lowered(right)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"xp.where({_lowered(test)}, {_lowered(body)}, {_lowered(orelse)})"
        case ast.Call(func=ast.Name(id=name), args=args):
            return f"{FUNCTIONS[name].call}{', '.join(map(_lowered, args))})"
    raise AssertionError(f"{ast.unparse(tree)}: parse() lets nothing else through")
