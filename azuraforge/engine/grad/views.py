"""Which tensors show the memory of another, and how: so that what changes one reaches the rest.

A view knows the tensor that owns the memory, the ops that lead from it to the view, and the node
that the owner came from then. Where the owner comes from another node now, because it or one of its
views was changed in place, the view's past is found anew through those ops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azuraforge.engine.device import Array, may_share_memory, module_of
from azuraforge.engine.grad.modes import enable_grad
from azuraforge.engine.replay import tape

if TYPE_CHECKING:
    from azuraforge.engine.grad.autograd import Node
    from azuraforge.engine.ops.op import Op
    from azuraforge.engine.tensor import Tensor

Step = tuple["Op", tuple[Any, ...]]  # an op and its attributes


@dataclass(slots=True)
class View:
    """How a tensor shows another's memory."""

    root: Tensor
    node: Node | None  # that the root came from when the past of the view was found
    steps: tuple[Step, ...]

    @property
    def is_stale(self) -> bool:
        return self.node is not self.root.node

    def places(self) -> Array:
        """For each element of the view, its place in the flattened root."""
        xp = module_of(self.root.data)
        found = xp.arange(self.root.data.size).reshape(self.root.shape)
        with tape.recording(None):
            for op, attributes in self.steps:
                (found,) = op.run((found,), attributes, op.reference)
        return found


def note(y: Tensor, x: Tensor, op: Op, attributes: tuple[Any, ...]) -> None:
    """Remember that an op made `y`, which shows the memory of `x`, if it does."""
    if not may_share_memory(y.data, x.data):
        return  # reshape had to copy, or an index of arrays
    if x.base is None:
        y.base = View(x, x.node, ((op, attributes),))
    else:
        y.base = View(x.base.root, x.base.root.node, (*x.base.steps, (op, attributes)))


def refresh(x: Tensor) -> None:
    """Let a view come from what its root comes from now."""
    view = x.base
    assert view is not None
    y = view.root
    with enable_grad():
        for op, attributes in view.steps:
            y = op(y, **dict(zip(op.signature.attributes, attributes, strict=True)))
    x.node, x.place, x.requires_grad = y.node, y.place, y.requires_grad
    view.node = view.root.node
