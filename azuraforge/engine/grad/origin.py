"""What made a tensor: its op, formula or source, gradients, shapes, and where that was."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from azuraforge.engine.grad.autograd import Node, source
from azuraforge.engine.grad.custom import FunctionNode
from azuraforge.engine.grad.place import told
from azuraforge.engine.ops import Op
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError


def explain(x: Tensor) -> None:
    """Print the op that made a tensor, its formula or reference source and those of its gradients.

    Beside them stand the operands' shapes and where they come from, what is kept for the gradients,
    and the line of the program that applied the op. Only what is recorded is known.

    Raises: DTypeError for what is no Tensor.
    """
    if not isinstance(x, Tensor):
        raise DTypeError(f"explain: got a {type(x).__name__}; allowed: a Tensor")
    sys.stdout.write(explanation(x) + "\n")


def explanation(x: Tensor) -> str:
    """What explain() prints."""
    target = source(x)
    about = f"{x.dtype} {x.shape} on {x.device}"
    if target is None:
        return (
            f"{about}: needs no gradient, so nothing was recorded of how it was made; set "
            "requires_grad=True on what it is made of to see it here"
        )
    node, place = target
    if not isinstance(node, Node):
        return f"{about}: a leaf, which no op made; its gradient arrives in .grad"
    return "\n".join([f"{about}: {_which(node, place)}", *_lines(node)])


def _which(node: Node, place: int) -> str:
    return f"output {place} of {node.name}" if node.returned > 1 else f"made by {node.name}"


def _lines(node: Node) -> Iterator[str]:
    yield f"  at {told(node.line)}"
    if isinstance(node, FunctionNode):
        names = [f"input {i}" for i in range(len(node.sources))]
        sources = [("forward", node.function.forward), ("backward", node.function.backward)]
        yield from _operands(node, names)
        for name, function in sources:
            yield from _shown(name, _source_of(function))
        return
    yield f"  by {_way(node)}"
    inputs = node.op.signature.inputs
    is_many = node.op.signature.is_variadic
    names = [f"{inputs[0]}[{i}]" for i in range(len(node.sources))] if is_many else list(inputs)
    yield from _operands(node, names)
    yield from _kept(node)
    for name, text in texts(node.op).items():
        yield from _shown(name, text)


def _way(node: Node) -> str:
    if node.how is node.op.reference:
        return "its reference, array arithmetic"
    return f"the kernel {node.op.kernel_name}" if node.how is node.op.kernel else "a CUDA kernel"


def _operands(node: Node, names: list[str]) -> Iterator[str]:
    for name, shape, target in zip(names, node.shapes, node.sources, strict=True):
        if target is None:
            origin = "needs no gradient"
        elif isinstance(target[0], Node):
            origin = f"from {target[0].name}, {told(target[0].line)}"
        else:
            origin = "a leaf"
        yield f"  {name}: {shape}, {origin}"


def _kept(node: Node) -> Iterator[str]:
    if node.kept is None:
        yield "  keeps nothing any more: a backward() used it up"
    elif isinstance(node.kept, tuple):
        arrays = dict(zip(node.how.kept, node.kept, strict=True))
        sizes = [f"{k} ({v.nbytes} bytes)" for k, v in arrays.items() if hasattr(v, "nbytes")]
        yield f"  keeps {', '.join(sizes) or 'no array'} for its gradients"
    else:
        yield "  keeps nothing: a checkpoint computes it again"


def _shown(name: str, text: str) -> Iterator[str]:
    if "\n" not in text:
        yield f"  {name} = {text}"
    else:
        yield f"  {name}:"
        yield textwrap.indent(text, "    ")


@cache
def texts(op: Op) -> dict[str, str]:
    """Formulas, or source, of the output and of each gradient, by name."""
    if op.formulas is not None:
        forward, gradients = op.formulas
        return {"y": forward.text} | {f"g{name}": f.text for name, f in gradients.items()}
    declared = _declaration(op)
    function = op.reference.forward.function
    texts = {"forward": _text(declared.get("forward"), function)}
    for places, gradient in op.reference.gradients:
        names = tuple(op.signature.inputs[i] for i in places)
        key = names[0] if len(names) == 1 else names
        label = ", ".join(f"g{name}" for name in names)
        texts[label] = _text(declared.get(key), gradient.function)
    return texts


def _declaration(op: Op) -> dict[Any, str]:
    """The expressions of an op's declaration: `forward`, and by input or inputs its gradients."""
    path = Path(op.reference.forward.function.__code__.co_filename)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for call in ast.walk(ast.parse(text)):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        first = call.args[0]
        if not isinstance(first, ast.Constant) or first.value != op.text:
            continue
        named = {word.arg: word.value for word in call.keywords}
        found = {"forward": named["forward"]} if "forward" in named else {}
        parts: dict[Any, ast.expr] = dict(found)
        if isinstance(named.get("grads"), ast.Dict):
            grads: Any = named["grads"]
            for key, value in zip(grads.keys, grads.values, strict=True):
                parts[ast.literal_eval(key)] = value
        return {key: ast.get_source_segment(text, value) or "" for key, value in parts.items()}
    return {}


def _text(expression: str | None, function: Callable[..., Any]) -> str:
    """A lambda as it stands in the declaration; a function that is named there by its source."""
    if expression is not None and expression.startswith("lambda"):
        return " ".join(expression.split())
    return _source_of(function)


def _source_of(function: Callable[..., Any]) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError):  # made at run time, or written into an interpreter
        return f"{function.__module__}.{function.__qualname__}, whose source is not there"
