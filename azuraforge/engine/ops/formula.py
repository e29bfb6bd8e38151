"""A formula is the text of an elementwise expression; here it is checked and lowered.

The language is a small part of Python: names of the operands, numbers, + - * / **, unary minus,
comparisons, `a if condition else b`, and the functions in FUNCTIONS. Lowering to array arithmetic
gives the reference on NumPy and CuPy alike; `erf` and `cdf` are our own, as they lack them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azuraforge.engine.ops.erf import cdf, erf

FUNCTIONS = {  # function of the language -> how its call over arrays begins
    "exp": "xp.exp(",
    "log": "xp.log(",
    "sqrt": "xp.sqrt(",
    "tanh": "xp.tanh(",
    "erf": "erf(xp, ",
    "cdf": "cdf(xp, ",
    "abs": "xp.absolute(",
    "sign": "xp.sign(",
    "maximum": "xp.maximum(",
    "minimum": "xp.minimum(",
    "isnan": "xp.isnan(",
}
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

    def lower(self, out: str | None = None) -> Callable[..., Any]:
        """`f(xp, *names)`: array arithmetic; with `out`, one more parameter that it writes to."""
        parameters = ", ".join(("xp", *self.names, *([out] if out else [])))
        body = _written(self.tree, out) if out else _lowered(self.tree)
        source = f"lambda {parameters}: {body}"
        function: Callable[..., Any] = eval(source, {"erf": erf, "cdf": cdf})  # noqa: S307  of nodes parse() checked
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
        case ast.UnaryOp(operand=operand, op=op):
            return f"xp.{OPERATORS[type(op)]}({_lowered(operand)})"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return f"xp.{OPERATORS[type(op)]}({_lowered(left)}, {_lowered(right)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"xp.where({_lowered(test)}, {_lowered(body)}, {_lowered(orelse)})"
        case ast.Call(func=ast.Name(id=name), args=args):
            return f"{FUNCTIONS[name]}{', '.join(map(_lowered, args))})"
    raise AssertionError(f"{ast.unparse(tree)}: parse() lets nothing else through")
