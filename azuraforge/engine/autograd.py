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
from azuraforge.engine.ops.order import as_given
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
    arrived = _Arrivals()
    arrived.add((root, place), g, is_ours=False)
    ready = [root]
    with np.errstate(all="ignore"):
        while ready:
            node = ready.pop()
            outer = arrived.take(node)
            if outer is not None:  # else nothing above it had a gradient to give
                _pass_on(node, outer, arrived)
            for target in node.sources:
                below = None if target is None else target[0]
                if isinstance(below, Node):
                    waiting[below] -= 1
                    if waiting[below] == 0:
                        ready.append(below)
            if not retain_graph:
                node.kept = None


class _Arrivals:
    """Gradients on their way: for each output of a node, the sum of those that came so far.

    What is ours may be written to: a buffer that a gradient filled, or a sum that was made here.
    """

    def __init__(self) -> None:
        self._sums: dict[Node, list[Array | None]] = {}
        self._ours: set[tuple[Node, int]] = set()

    def take(self, node: Node) -> list[Array | None] | None:
        """What arrived at the outputs of a node; None if nothing did."""
        return self._sums.pop(node, None)

    def add(self, target: Source, g: Array, *, is_ours: bool) -> None:
        """Add a gradient to what arrived at an output of a node, or at a leaf."""
        below, output = target
        if not isinstance(below, Node):
            below.accumulate(g, is_ours=is_ours)
            return
        sums = self._at(below)
        found = sums[output]
        if found is None:
            sums[output] = g
        elif (below, output) in self._ours:
            tape.run(add_to, found, g)
        elif is_ours:
            tape.run(add_to, g, found)
            sums[output] = g
        else:
            is_ours, sums[output] = True, tape.empty_like(module_of(g), found)
            tape.run(_add, found, g, sums[output])
        if is_ours:
            self._ours.add((below, output))

    def sum_at(self, target: Source, like: Array) -> Array:
        """What arrived at a target, as an array of ours that a gradient may add itself to."""
        below, output = target
        if not isinstance(below, Node):
            return below.gradient_sum()
        sums = self._at(below)
        found = sums[output]
        if found is None or (below, output) not in self._ours:
            self._ours.add((below, output))
            shape, dtype = below.types[output]
            sums[output] = as_given(module_of(like), (like,), shape, dtype)
            tape.run(copy_to, sums[output], 0 if found is None else found)
        return sums[output]

    def _at(self, node: Node) -> list[Array | None]:
        return self._sums.setdefault(node, [None] * node.op.returned)


def add_to(total: Array, g: Array) -> None:
    """total += g."""
    total += g


def copy_to(total: Array, g: Array | int) -> None:
    """total = g, in place."""
    total[...] = g


def _add(one: Array, other: Array, total: Array) -> None:
    module_of(one).add(one, other, out=total)


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


def _pass_on(node: Node, outer: list[Array | None], arrived: _Arrivals) -> None:
    """Let the gradients of a node's outputs become gradients of what its operands came from."""
    if node.kept is None:
        raise GradientError(
            f"backward: the graph through {node.op.name} was used up by an earlier backward(); "
            "pass retain_graph=True to that one to go through it again"
        )
    like = next(g for g in outer if g is not None)
    xp, how = module_of(like), node.how
    arriving = [
        xp.zeros(shape, dtype) if g is None else g if g.dtype == dtype else _cast(g, dtype)
        for g, (shape, dtype) in zip(outer, node.types, strict=False)
    ]
    needs = [target is not None for target in node.sources]
    sums = {
        i: arrived.sum_at(target, like)
        for i in how.summed
        if (target := node.sources[i]) is not None
    }
    gradients = how.input_gradients(xp, needs, arriving, node.kept, node.shapes, sums)
    for i, (target, gx) in enumerate(zip(node.sources, gradients, strict=True)):
        if target is None or gx is None:
            continue
        reached = unbroadcast(gx, node.shapes[i])
        if is_watched():
            check_finite(f"the gradient of {node.op.name}", [reached], node.shapes)
        if i not in sums:
            arrived.add(target, reached, is_ours=how.fills(i))


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
