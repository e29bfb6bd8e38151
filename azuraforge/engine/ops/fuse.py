"""Several elementwise ops as one, with no array between them: `fuse`, by substitution.

    swiglu = fuse("swiglu(a, b)", "silu(a) * b")      # y = a / (1 + exp(-a)) * b

Each op's formula gets those of its operands in place of their names. Backwards, each gradient's
formula gets that of the op above in place of g, and the gradients that meet at an input are added.
What comes out is declared like any other formula, and so has both kernels.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import reduce
from typing import Any

from azuraforge.engine.ops import elementwise as page
from azuraforge.engine.ops.declare import EXTREMES, elementwise
from azuraforge.engine.ops.formula import Formula
from azuraforge.engine.ops.op import OPS, Op
from azuraforge.engine.ops.signature import Signature

OPERATORS: dict[type[ast.AST], Op] = {
    ast.Add: page.add,
    ast.Sub: page.sub,
    ast.Mult: page.mul,
    ast.Div: page.div,
    ast.Pow: page.pow,
    ast.USub: page.neg,
}
ZERO = ast.Constant(0)


def fuse(
    signature: str,
    expression: str,
    *,
    domain: tuple[float, float] = (-3.0, 3.0),
    extremes: tuple[float, ...] = EXTREMES,
) -> Op:
    """Declare an op by an expression of elementwise ops; its gradients follow from theirs.

    The expression is a formula in which ops are called by their names. What backward needs is
    computed again from the inputs, and from y.

    Raises: TypeError at import for what is no elementwise op, and as `elementwise` does.
    """
    tree = ast.parse(expression, mode="eval").body
    found: dict[str, list[ast.expr]] = {}
    try:
        _walk(tree, ast.Name("g"), found, ast.Name("y"))
    except TypeError as error:
        raise TypeError(f"fuse {signature}: {error}") from None
    inputs = Signature.parse(f"{signature} -> y").inputs
    grads: dict[str, Any] = {
        name: ast.unparse(reduce(_sum, found.get(name, [ZERO]))) for name in inputs
    }
    y = ast.unparse(_value(tree))
    kept = {node.id for text in grads.values() for node in _names_in(text)}
    again: Any = {inputs: _gradients_of_ops(expression, inputs)} if kept >= {*inputs} else None
    return elementwise(signature, y=y, domain=domain, extremes=extremes, again=again, **grads)


def _gradients_of_ops(expression: str, inputs: Sequence[str]) -> Any:
    """The gradients through the ops themselves, for when they are differentiated in turn."""
    names = ", ".join(inputs)
    body = f"xp.pull(lambda {names}: {_choices(expression)}, ({names},), (g,), needs)"
    body += "[0]" if len(inputs) == 1 else ""
    return eval(f"lambda xp, g, {names}, needs: {body}", dict(OPS))  # noqa: S307  of ops alone, as _walk saw


def _names_in(text: str) -> list[ast.Name]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)]


def _choices(expression: str) -> str:
    """The expression with where() for every `a if condition else b`."""

    class Choose(ast.NodeTransformer):
        def visit_IfExp(self, node: ast.IfExp) -> Any:
            parts = [self.visit(x) for x in (node.test, node.body, node.orelse)]
            return ast.Call(ast.Name("where"), parts, [])

    return ast.unparse(Choose().visit(ast.parse(expression, mode="eval").body))


def _walk(
    tree: ast.expr, g: ast.expr, found: dict[str, list[ast.expr]], y: ast.expr | None = None
) -> None:
    """Add to what is found at each input the gradient that comes to it, g being that of `tree`."""
    match tree:
        case ast.Constant():
            return
        case ast.Name(id=name):
            found.setdefault(name, []).append(g)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            test = _value(test)
            _walk(body, ast.IfExp(test, g, ZERO), found)
            _walk(orelse, ast.IfExp(test, ZERO, g), found)
        case _:
            op, operands = _applied(tree)
            known = dict(zip(op.signature.inputs, map(_value, operands), strict=True))
            known |= {"g": g, "y": _value(tree) if y is None else y}
            _, gradients = _formulas(op)
            for name, operand in zip(op.signature.inputs, operands, strict=True):
                if any(isinstance(node, ast.Name) for node in ast.walk(operand)):
                    _walk(operand, _put(gradients[name].tree, known), found)


def _value(tree: ast.expr) -> ast.expr:
    """The expression with formulas in the place of ops."""
    match tree:
        case ast.Constant() | ast.Name():
            return tree
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return ast.IfExp(_value(test), _value(body), _value(orelse))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return ast.Compare(_value(left), ops, [_value(x) for x in comparators])
    op, operands = _applied(tree)
    forward, _ = _formulas(op)
    return _put(forward.tree, dict(zip(op.signature.inputs, map(_value, operands), strict=True)))


def _applied(tree: ast.expr) -> tuple[Op, Sequence[ast.expr]]:
    """The op that an expression applies last, and its operands."""
    match tree:
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            op, operands = OPERATORS[type(operator)], [left, right]
        case ast.UnaryOp(op=operator, operand=operand) if type(operator) in OPERATORS:
            op, operands = OPERATORS[type(operator)], [operand]
        case ast.Call(func=ast.Name(id=name), args=operands, keywords=[]) if name in OPS:
            op = OPS[name]
        case _:
            raise TypeError(f"{ast.unparse(tree)!r} applies no op")
    if op.formulas is None or not op.formulas[1]:
        raise TypeError(f"{op.name} is no elementwise op with gradients")
    if len(operands) != len(op.signature.inputs):
        raise TypeError(f"{ast.unparse(tree)!r}: {op.name} takes {', '.join(op.signature.inputs)}")
    return op, operands


def _formulas(op: Op) -> tuple[Formula, Mapping[str, Formula]]:
    assert op.formulas is not None  # as _applied has seen
    return op.formulas


def _put(tree: ast.expr, known: Mapping[str, ast.expr]) -> ast.expr:
    """A copy of the expression with others in the place of names."""

    class Put(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> Any:
            return deepcopy(known.get(node.id, node))

        def visit_Call(self, node: ast.Call) -> Any:
            node.args = [self.visit(x) for x in node.args]  # a function is no name to replace
            return node

    put: ast.expr = Put().visit(deepcopy(tree))
    return put


def _sum(one: ast.expr, other: ast.expr) -> ast.expr:
    return ast.BinOp(one, ast.Add(), other)
