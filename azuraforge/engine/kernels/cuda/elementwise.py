"""Elementwise formulas on the GPU: one launch each, over arrays of any strides that broadcast.

CuPy compiles a kernel when it is first needed and keeps it on disk. It runs on the current stream.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels.cuda.source import ENTRY, FLOATS, source
from azuraforge.engine.ops.formula import Formula
from azuraforge.engine.ops.order import as_given

THREADS = 256  # in a block
MOST_BLOCKS = 2**16
MOST_NUMBERS = 2**31  # a kernel counts in 32 bits; beyond, the reference runs
Shape = tuple[int, ...]


class Kernel:
    """What a kernel module has, made of the formulas of an op."""

    def __init__(self, y: Formula, gradients: Mapping[str, Formula | None]) -> None:
        self.forward = _forward(y)
        self.gradients = {
            x: None if formula is None else _gradient(formula) for x, formula in gradients.items()
        }
        self.ORDERS = {"y": as_given}


def accepts(operands: Sequence[Any]) -> bool:
    """Whether these are arrays on the GPU of one floating type, and numbers or truth values."""
    if isinstance(operands[0], np.ndarray):
        return False
    found = set()
    for x in operands:
        if isinstance(x, np.ndarray | np.generic) and not isinstance(x, float):
            return False
        if not isinstance(x, int | float):
            found.add(x.dtype.name)
    found.discard("bool")
    return len(found) == 1 and found <= FLOATS.keys()


def _forward(formula: Formula) -> Callable[..., None]:
    """`f(xp, y, *names)`, which fills y."""
    reference = formula.lower("y")

    def fill(xp: Any, y: Array, *operands: Any) -> None:
        if y.size < MOST_NUMBERS:
            launch(xp, formula, y, operands)
        else:
            reference(xp, *operands, y)

    return _named(("y", *formula.names), fill)


def _gradient(formula: Formula) -> Callable[..., Any]:
    """`f(xp, *names)`, of the shape to which they broadcast."""
    reference = formula.lower()
    if isinstance(formula.tree, ast.Name):
        return reference

    def compute(xp: Any, *operands: Any) -> Any:
        arrays = [x for x in operands if not isinstance(x, int | float)]
        shape = np.broadcast_shapes(*(x.shape for x in arrays))
        if not accepts(operands) or math.prod(shape) >= MOST_NUMBERS:
            return reference(xp, *operands)
        gx = as_given(xp, arrays, shape, next(x.dtype for x in arrays if x.dtype.kind == "f"))
        launch(xp, formula, gx, operands)
        return gx

    return _named(formula.names, compute)


def _named(names: Sequence[str], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with these parameters, by which an op's signature finds the arguments."""
    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in ("xp", *names)]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function


def launch(xp: Any, formula: Formula, out: Array, operands: Sequence[Any]) -> None:
    """out = formula(*operands), which broadcast to its shape; numbers are given by value."""
    if not out.size:
        return
    kinds = tuple(map(_kind, operands))
    lying = [out, *(x for x, kind in zip(operands, kinds, strict=True) if kind != "number")]
    floats = next(x.dtype for x in reversed(lying) if x.dtype.kind == "f")
    sizes, steps = loop(out.shape, tuple((x.shape, x.strides, x.itemsize) for x in lying))
    compiled = _compiled(xp, formula, floats.name, kinds, _kind(out), len(sizes))
    number = np.float64 if floats.itemsize == 8 else np.float32
    given = [number(x) if kind == "number" else x for x, kind in zip(operands, kinds, strict=True)]
    blocks = min(-(-out.size // THREADS), MOST_BLOCKS)
    compiled((blocks,), (THREADS,), (out, *given, out.size, *sizes[1:], *steps))


def _kind(x: Any) -> str:
    if isinstance(x, int | float):
        return "number"
    return "bool" if x.dtype.kind == "b" else "array"


@cache
def _compiled(
    xp: Any, formula: Formula, floats: str, kinds: tuple[str, ...], result: str, axes: int
) -> Any:
    return xp.RawKernel(source(formula, floats, kinds, result, axes), ENTRY)


@lru_cache(maxsize=4096)  # a step asks for the same few again and again
def loop(shape: Shape, arrays: tuple[tuple[Shape, Shape, int], ...]) -> tuple[Shape, Shape]:
    """Sizes of the axes of a loop over arrays (shape, strides, itemsize), and the steps of each.

    The axes go from the outermost of the first array, which is of the whole shape, to its
    innermost; neighbours that every array passes without a gap become one.
    """
    steps = [_steps(shape, *array) for array in arrays]
    order = sorted(range(len(shape)), key=lambda axis: -steps[0][axis])
    merged: list[tuple[int, tuple[int, ...]]] = []  # size and steps of each axis
    for axis in order:
        if shape[axis] == 1:
            continue
        size, here = shape[axis], tuple(step[axis] for step in steps)
        if merged and merged[-1][1] == tuple(size * step for step in here):
            size *= merged.pop()[0]
        merged.append((size, here))
    merged = merged or [(1, (0,) * len(arrays))]
    sizes = tuple(size for size, _ in merged)
    return sizes, tuple(here[i] for i in range(len(arrays)) for _, here in merged)


def _steps(shape: Shape, own: Shape, strides: Shape, itemsize: int) -> Shape:
    """Elements from one place to the next along each axis of the shape it broadcasts to."""
    missing = (0,) * (len(shape) - len(own))
    found = (0 if n == 1 else stride // itemsize for n, stride in zip(own, strides, strict=True))
    return (*missing, *found)
