"""The graph that ops leave behind, walked backwards without recursion.

Every op applied to a Tensor that needs a gradient leaves a Node: the op, what its gradients want,
and the nodes its operands came from. `backward` counts how often each node is used, then takes
nodes whose users are all done; leaves collect what reaches them in `.grad`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from azuraforge.engine import tape
from azuraforge.engine.device import Array, module_of
from azuraforge.engine.ops.implementation import Implementation
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.errors import GradientError, NonFiniteError, ShapeError

if TYPE_CHECKING:
    from azuraforge.engine.tensor import Tensor

Source = tuple["Node | Tensor", int]  # a node and which of its outputs, or a leaf

_records: ContextVar[bool] = ContextVar("azuraforge_records", default=True)
_watches: ContextVar[bool] = ContextVar("azuraforge_watches", default=False)


class Node:
    """One applied op; `sources[i]` is where operand i came from, None if it needs no gradient."""

    __slots__ = ("how", "kept", "op", "shapes", "sources", "types")

    def __init__(
        self,
        op: Op,
        how: Implementation,
        sources: list[Source | None],
        arrays: Sequence[Array],
        outputs: Sequence[Array],
        attributes: tuple[Any, ...],
    ) -> None:
        self.op = op
        self.how = how
        self.sources = sources
        self.shapes = [a.shape if hasattr(a, "shape") else () for a in arrays]
        self.types = [(y.shape, y.dtype) for y in outputs]
        row = (
            *op.operands(arrays), *outputs, *attributes,
            *op.operands(self.shapes), *(shape for shape, _ in self.types),
        )  # fmt: skip
        self.kept: tuple[Any, ...] | None = how.keep(row)


@contextmanager
def no_grad() -> Iterator[None]:
    """Within the block, ops leave no graph behind."""
    token = _records.set(False)
    try:
        yield
    finally:
        _records.reset(token)


def is_grad_enabled() -> bool:
    """Whether ops on Tensors that need gradients are recorded."""
    return _records.get()


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within the block, the first op that makes NaN or Inf raises NonFiniteError and is named."""
    token = _watches.set(True)
    try:
        yield
    finally:
        _watches.reset(token)


def is_watched() -> bool:
    """Whether what ops make is to be checked."""
    return _watches.get()


def check_finite(name: str, results: Sequence[Array], shapes: Sequence[Shape]) -> None:
    """Raise NonFiniteError if the op made a number that is not finite."""
    for result in results:
        bad = result.size - int(np.isfinite(result).sum()) if result.dtype.kind == "f" else 0
        if bad:
            given = ", ".join(map(str, shapes))
            raise NonFiniteError(
                f"{name} made {bad} of {result.size} numbers NaN or Inf (operands {given}); "
                "it is the first op that did"
            )


def source(x: Tensor) -> Source | None:
    """Where the gradient of `x` goes: to an output of a node, or to the leaf itself."""
    if not x.requires_grad:
        return None
    return (x if x.node is None else x.node), x.place


def backward(root: Node, place: int, g: Array, *, retain_graph: bool = False) -> None:
    """Add to the `.grad` of every leaf below output `place` of `root`, whose gradient is `g`.

    Raises: GradientError if the graph was already used up; NonFiniteError in anomaly mode.
    """
    waiting = _uses(root)
    arrived: dict[Node, list[Array | None]] = {root: [None] * root.op.returned}
    arrived[root][place] = g
    ready = [root]
    with np.errstate(all="ignore"):
        while ready:
            node = ready.pop()
            outer = arrived.pop(node, None)  # None: nothing above it had a gradient to give
            gradients = [None] * len(node.sources) if outer is None else _gradients(node, outer)
            for target, gx in zip(node.sources, gradients, strict=True):
                if target is None:
                    continue
                below, output = target
                if not isinstance(below, Node):
                    if gx is not None:
                        below.accumulate(gx)
                    continue
                if gx is not None:
                    slots = arrived.setdefault(below, [None] * below.op.returned)
                    slots[output] = gx if slots[output] is None else _sum(slots[output], gx)
                waiting[below] -= 1
                if waiting[below] == 0:
                    ready.append(below)
            if not retain_graph:
                node.kept = None


def _uses(root: Node) -> dict[Node, int]:
    """How often each node below `root` is used as an operand."""
    uses = {root: 0}
    stack = [root]
    while stack:
        for target in stack.pop().sources:
            if target is not None and isinstance(target[0], Node):
                node = target[0]
                if node not in uses:
                    uses[node] = 0
                    stack.append(node)
                uses[node] += 1
    return uses


def _gradients(node: Node, outer: list[Array | None]) -> list[Array | None]:
    if node.kept is None:
        raise GradientError(
            f"backward: the graph through {node.op.name} was used up by an earlier backward(); "
            "pass retain_graph=True to that one to go through it again"
        )
    xp = module_of(next(g for g in outer if g is not None))
    arriving = [
        xp.zeros(shape, dtype) if g is None else g if g.dtype == dtype else _cast(g, dtype)
        for g, (shape, dtype) in zip(outer, node.types, strict=False)
    ]
    needs = [target is not None for target in node.sources]
    gradients = node.how.input_gradients(xp, needs, arriving, node.kept, node.shapes)
    reached = [
        None if gx is None or not need else unbroadcast(gx, shape)
        for gx, need, shape in zip(gradients, needs, node.shapes, strict=True)
    ]
    if is_watched():
        made = [gx for gx in reached if gx is not None]
        check_finite(f"the gradient of {node.op.name}", made, node.shapes)
    return reached


def _sum(one: Array, other: Array) -> Array:
    return tape.compute(module_of(one).add, one, other)


def _cast(g: Array, dtype: np.dtype[Any]) -> Array:
    return tape.compute(lambda given: given.astype(dtype), g)


def unbroadcast(g: Array, shape: Shape) -> Array:
    """`g` summed over the axes along which an operand of `shape` was broadcast."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    if extra < 0:
        raise ShapeError(f"backward: a gradient {g.shape} came for an operand {shape}")
    axes = tuple(i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1)
    over = (*range(extra), *axes)
    return tape.compute(lambda given: given.sum(over, keepdims=True).reshape(shape), g)
