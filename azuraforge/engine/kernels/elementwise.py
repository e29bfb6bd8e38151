"""Elementwise formulas in float32 on the CPU: one loop each, compiled when it is first needed.

The loop is written as Python into a file beside the compiled kernels, because Numba's cache wants a
source. It goes over memory as it lies, so any dense order of the axes will do, if all arrays have
the same; anything else, a broadcast first of all, is left to the reference.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.disk import cache_folder
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.split import run
from azuraforge.engine.ops.formula import SPELLING, Formula
from azuraforge.engine.ops.order import as_given
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

WORTH_IT = 1024  # numbers: below, a few calls of NumPy take no longer
FLOAT32 = np.dtype(np.float32)
WORTH_SPLITTING = 32_768  # numbers: below, a second thread costs more than it brings
LONG = 8192  # numbers: a row of so many is worth a call of its own
FUNCTIONS = {  # function of the language -> the compiled one
    "exp": "elementary.exp",
    "log": "elementary.log",
    "tanh": "elementary.tanh",
    "erf": "elementary.erf",
    "cdf": "elementary.cdf",
    "abs": "abs",
    "sqrt": "np.sqrt",
    "sign": "elementwise.sign",
    "maximum": "elementwise.maximum",
    "minimum": "elementwise.minimum",
    "isnan": "elementwise.isnan",
}
SOURCE = """# {formula}
import numpy as np

from azuraforge.engine.kernels import elementary, elementwise
from azuraforge.engine.kernels.memory import floats
from azuraforge.engine.kernels.split import task, unpacked

F = np.float32


@task
def compute(job, number, count):
    size, at_out, {addresses} = unpacked(job, {length})
    begin, size = elementwise.share(size, number, count)
    out = floats(at_out + 4 * begin, size)
    {arrays}
    for i in range(size):
        {values}
        out[i] = {expression}
"""


class Kernel:
    """What a kernel module has, made of the formulas of an op."""

    NOTES = True

    def __init__(self, y: Formula, gradients: Mapping[str, Formula]) -> None:
        self.forward = _over_arrays(y, "y")
        self.gradients = {x: _over_arrays(formula, f"g{x}") for x, formula in gradients.items()}
        self.ORDERS = dict.fromkeys(("y", *(f"g{x}" for x in gradients)), as_given)

    def accepts(self, *inputs: Any) -> bool:
        """Whether all are float32 arrays on the CPU of one dense order, at least in each row."""
        return _are_alike(inputs) or _have_long_rows(inputs)


def _over_arrays(formula: Formula, out: str) -> Callable[..., Any]:
    """`f(xp, out, *names)`, or for a formula that is only a name, `f(xp, name)` that gives it."""
    if isinstance(formula.tree, ast.Name):
        return formula.lower()
    reference = formula.lower(out)

    def compute(xp: Any, out: Array, *arrays: Array) -> None:
        if not _are_alike((out, *arrays)):
            if _have_long_rows((out, *arrays)):  # parts of a longer series, of a wider image
                for rows in zip(out, *arrays, strict=True):
                    compute(xp, *rows)
            else:
                tape.run(reference, xp, *arrays, out)
            return
        size = out.size
        count = threads() if size > WORTH_SPLITTING else 1
        tape.keep(out, *arrays)
        run(_compiled(formula), count, size, *map(address, (out, *arrays)))

    names = ("xp", out, *formula.names)  # by which the op's signature finds the arguments
    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names]
    compute.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return compute


def _are_alike(arrays: tuple[Any, ...]) -> bool:
    """Whether all are float32 arrays whose elements lie in the same places, without gaps."""
    first = arrays[0]
    if not isinstance(first, np.ndarray) or not _is_dense(first.shape, first.strides):
        return False
    for x in arrays:
        if not isinstance(x, np.ndarray) or x.dtype != FLOAT32:
            return False
        if x.shape != first.shape:
            return False
        if x.strides != first.strides and not _match(x.shape, x.strides, first.strides):
            return False
    return True


def _have_long_rows(arrays: tuple[Any, ...]) -> bool:
    """Whether all are arrays whose first axis has long rows, each dense and all of one order."""
    first = arrays[0]
    if not isinstance(first, np.ndarray) or first.ndim < 2:
        return False
    if first.size < LONG * max(1, len(first)):
        return False
    same = all(isinstance(x, np.ndarray) and x.shape == first.shape for x in arrays)
    return same and _are_alike(tuple(x[0] for x in arrays))


@lru_cache(maxsize=4096)
def _match(shape: tuple[int, ...], one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether the strides are equal, but for axes of length 1, where they mean nothing."""
    return all(a == b for a, b, size in zip(one, other, shape, strict=True) if size > 1)


@lru_cache(maxsize=4096)
def _is_dense(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether elements of four bytes lie side by side, in any order of the axes."""
    expected = 4
    for stride, size in sorted(zip(strides, shape, strict=True)):
        if size > 1:
            if stride != expected:
                return False
            expected *= size
    return True


@cache
def _compiled(formula: Formula) -> Any:
    """The formula as a task, whose job is: size, address of the result, those of the operands."""
    names = formula.names
    source = SOURCE.format(
        formula=formula.text,
        addresses=", ".join(f"at_{name}" for name in names),
        length=2 + len(names),
        arrays="\n    ".join(f"all_{n} = floats(at_{n} + 4 * begin, size)" for n in names),
        values="\n        ".join(f"{name}_ = all_{name}[i]" for name in names),
        expression=_scalar(formula.tree),
    )
    path = (
        cache_folder().parent
        / "formulas"
        / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.py"
    )
    try:
        _write(path, source)
    except OSError:  # the folder cannot be written: the task is compiled for this process alone
        scope: dict[str, Any] = {}
        exec(source, scope)  # noqa: S102  (of nodes that parse() checked)
        return scope["compute"]
    spec = spec_from_file_location(f"azuraforge_formula_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)  # the cache finds it by its name
    spec.loader.exec_module(module)
    return module.compute


def _write(path: Path, source: str) -> None:
    """Write what another process may be writing, too."""
    if path.exists() and path.read_text() == source:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_suffix(f".{os.getpid()}")
    own.write_text(source)
    own.replace(path)


def _scalar(tree: ast.expr) -> str:
    """The expression over float32 numbers; a Python number would make float64 of all."""
    match tree:
        case ast.Name(id=name):
            return f"{name}_"
        case ast.Constant(value=value):
            return f"F({value!r})"
        case ast.BinOp(left=left, op=op, right=right):
            return f"({_scalar(left)} {SPELLING[type(op)]} {_scalar(right)})"
        case ast.UnaryOp(operand=operand):
            return f"(-{_scalar(operand)})"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return f"({_scalar(left)} {SPELLING[type(op)]} {_scalar(right)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"({_scalar(body)} if {_scalar(test)} else {_scalar(orelse)})"
        case ast.Call(func=ast.Name(id=name), args=args):
            return f"{FUNCTIONS[name]}({', '.join(map(_scalar, args))})"
    raise AssertionError(f"{ast.unparse(tree)}: parse() lets nothing else through")


F = np.float32
ZERO, ONE = F(0), F(1)


@part
def share(size, number, count):  # type: ignore[no-untyped-def]
    """Where the share of a thread begins, and its size."""
    each = -(-size // (16 * count)) * 16
    begin = min(size, number * each)
    return begin, min(each, size - begin)


@part
def sign(x):  # type: ignore[no-untyped-def]
    return ONE if x > ZERO else (-ONE if x < ZERO else x)


@part
def maximum(a, b):  # type: ignore[no-untyped-def]
    """The larger; NaN if one is."""
    return a if a > b or a != a else b


@part
def minimum(a, b):  # type: ignore[no-untyped-def]
    """The smaller; NaN if one is."""
    return a if a < b or a != a else b


@part
def isnan(x):  # type: ignore[no-untyped-def]
    return x != x
