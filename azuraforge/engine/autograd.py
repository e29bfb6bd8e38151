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

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.errors import GradientError, NonFiniteError, ShapeError

if TYPE_CHECKING:
    from azuraforge.engine.tensor import Tensor

_records: ContextVar[bool] = ContextVar("azuraforge_records", default=True)
_checks: ContextVar[bool] = ContextVar("azuraforge_checks", default=False)


class Node:
    """One applied op; `sources[i]` is where operand i came from, None if it needs no gradient."""

    __slots__ = ("kept", "op", "shapes", "sources", "types")

    def __init__(
        self,
        op: Op,
        sources: list[tuple[Node, int] | Tensor | None],
        kept: dict[str, Any],
        shapes: list[Shape],
        outputs: Sequence[Array],
    ) -> None:
        self.op = op
        self.sources = sources
        self.kept: dict[str, Any] | None = kept
        self.shapes = shapes
        self.types = [(o.shape, o.dtype) for o in outputs[: op.returned]]


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
    token = _checks.set(True)
    try:
        yield
    finally:
        _checks.reset(token)


def check_finite(op: Op, results: Sequence[Array], shapes: Sequence[Shape], what: str) -> None:
    """In anomaly mode, raise NonFiniteError if `op` made a number that is not finite."""
    if not _checks.get():
        return
    for result in results:
        bad = result.size - int(np.isfinite(result).sum()) if result.dtype.kind == "f" else 0
        if bad:
            given = ", ".join(map(str, shapes))
            raise NonFiniteError(
                f"{what} {op.name} made {bad} of {result.size} numbers NaN or Inf "
                f"(operands {given}); it is the first op that did"
            )


def record(
    op: Op, inputs: Sequence[Tensor | Any], arrays: Sequence[Array],
    outputs: Sequence[Array], attributes: dict[str, Any],
) -> Node:  # fmt: skip
    """The node of an applied op, holding what its gradients want and no more."""
    by_name = op.by_name(arrays) | dict(zip(op.outputs, outputs, strict=True))
    kept = {name: by_name[name] for name in op.retained} | attributes
    shapes = [np.shape(array) for array in arrays]
    kept.update({f"{name}_shape": shape for name, shape in op.by_name(shapes).items()})
    kept.update({f"{n}_shape": o.shape for n, o in zip(op.outputs, outputs, strict=True)})
    return Node(op, [_source(x) for x in inputs], kept, shapes, outputs)


def backward(root: Node, place: int, g: Array, *, retain_graph: bool = False) -> None:
    """Add to the `.grad` of every leaf below output `place` of `root`, whose gradient is `g`.

    Raises: GradientError if the graph was already used up; NonFiniteError in anomaly mode.
    """
    waiting = _uses(root)
    arrived: dict[Node, list[Array | None]] = {root: [None] * len(root.types)}
    arrived[root][place] = g
    ready = [root]
    with np.errstate(all="ignore"):
        while ready:
            node = ready.pop()
            gradients = _node_gradients(node, arrived.pop(node))
            for source, gx in zip(node.sources, gradients, strict=True):
                if source is None or gx is None:
                    continue
                if not isinstance(source, tuple):
                    source.accumulate(gx)
                    continue
                below, output = source
                slots = arrived.setdefault(below, [None] * len(below.types))
                slots[output] = gx if slots[output] is None else slots[output] + gx
            for source in node.sources:
                if isinstance(source, tuple):
                    waiting[source[0]] -= 1
                    if waiting[source[0]] == 0 and source[0] in arrived:
                        ready.append(source[0])
            if not retain_graph:
                node.kept = None


def _source(x: Any) -> tuple[Node, int] | Tensor | None:
    if not getattr(x, "requires_grad", False):
        return None
    return x if x.node is None else (x.node, x.place)


def _uses(root: Node) -> dict[Node, int]:
    """How often each node below `root` is used as an operand."""
    uses = {root: 0}
    stack = [root]
    while stack:
        for source in stack.pop().sources:
            if isinstance(source, tuple):
                node = source[0]
                if node not in uses:
                    uses[node] = 0
                    stack.append(node)
                uses[node] += 1
    return uses


def _node_gradients(node: Node, outer: list[Array | None]) -> list[Array | None]:
    if node.kept is None:
        raise GradientError(
            f"backward: the graph through {node.op.name} was used up by an earlier backward(); "
            "pass retain_graph=True to that one to go through it again"
        )
    xp = module_of(next(g for g in outer if g is not None))
    filled = [
        xp.zeros(shape, dtype) if g is None else g.astype(dtype, copy=False)
        for g, (shape, dtype) in zip(outer, node.types, strict=True)
    ]
    needs = [source is not None for source in node.sources]
    gradients = node.op.input_gradients(xp, needs, filled, node.kept)
    reached = [
        None if g is None or not need else unbroadcast(g, shape)
        for g, need, shape in zip(gradients, needs, node.shapes, strict=True)
    ]
    check_finite(node.op, [g for g in reached if g is not None], node.shapes, "the gradient of")
    return reached


def unbroadcast(g: Array, shape: Shape) -> Array:
    """`g` summed over the axes along which an operand of `shape` was broadcast."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    if extra < 0:
        raise ShapeError(f"backward: a gradient {g.shape} came for an operand {shape}")
    axes = tuple(i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1)
    return g.sum((*range(extra), *axes), keepdims=True).reshape(shape)
