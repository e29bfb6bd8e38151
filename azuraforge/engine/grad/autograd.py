"""The graph that ops leave behind: each op on a Tensor that needs a gradient leaves a Node.

It holds the op, what its gradients want, and the nodes its operands came from. walk.py goes through
them backwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from azuraforge.engine.device import Array, is_array
from azuraforge.engine.grad import anomaly, versions, views
from azuraforge.engine.grad.hooks import Hooks
from azuraforge.engine.grad.modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    nodes_made,
    set_grad_enabled,
    watching,
)
from azuraforge.engine.grad.place import place_of_user
from azuraforge.engine.ops.implementation import Implementation
from azuraforge.engine.ops.op import Op
from azuraforge.errors import GradientError

if TYPE_CHECKING:
    from azuraforge.engine.tensor import Tensor

__all__ = [
    "Node",
    "detect_anomaly",
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]

Source = tuple["Node | Tensor", int]  # a node and which of its outputs, or a leaf


class Node:
    """One applied op; `sources[i]` is where operand i came from, None if it needs no gradient."""

    __slots__ = (
        "hooks",
        "how",
        "kept",
        "layer",
        "line",
        "op",
        "shapes",
        "sources",
        "time",
        "types",
    )

    def __init__(
        self,
        op: Op,
        how: Implementation,
        sources: Sequence[Source | None],
        arrays: Sequence[Array],
        outputs: Sequence[Array],
        attributes: tuple[Any, ...],
    ) -> None:
        self.op = op
        self.how = how
        self.sources = sources
        self.shapes = [a.shape if hasattr(a, "shape") else () for a in arrays]
        self.types = [(y.shape, y.dtype) for y in outputs]
        self.hooks: dict[int, Hooks] | None = None  # by output, then by handle
        self.time = versions.now[0]
        self.line = place_of_user()
        watch = watching()
        self.layer: str | None = None if watch is None else watch.layer
        row = (
            *op.operands(arrays), *outputs, *attributes,
            *op.operands(self.shapes), *(shape for shape, _ in self.types),
        )  # fmt: skip
        self.kept: Any = how.keep(row)  # a row of values, what brings them again, or None: used up
        made = nodes_made()
        if made is not None:
            made.append(self)

    @property
    def name(self) -> str:
        return self.op.name

    @property
    def materializes(self) -> bool:
        """Whether the gradients want zeros for outputs that nothing came back to."""
        return True

    @property
    def returned(self) -> int:
        return self.op.returned

    @property
    def tells(self) -> bool:
        """Whether a gradient that is not finite flags a watch."""
        return anomaly.tells(self.op, self.how)

    @property
    def conjugates(self) -> bool:
        """Whether gradients of complex outputs want the conjugates, and are conjugates."""
        return self.op.is_holomorphic

    def gradients(
        self, xp: Any, needs: Sequence[bool], outer: Sequence[Array], sums: Mapping[int, Array]
    ) -> Sequence[Array | None]:
        """The gradient of each needed operand, from those of the outputs.

        Raises: GradientError if the graph was used up, or what it kept changed in place.
        """
        return self.how.input_gradients(xp, needs, outer, self.usable(), self.shapes, sums)

    def recorded_gradients(self, needs: Sequence[bool], outer: Sequence[Any]) -> Sequence[Any]:
        """As `gradients`, of Tensors and leaving a graph."""
        from azuraforge.engine.grad import higher  # here: it builds on this module

        return higher.recorded_gradients(self, needs, outer)

    def usable(self) -> tuple[Any, ...]:
        """What was kept for the gradients. Raises: GradientError as `gradients` does."""
        kept = self.kept
        if type(kept) is not tuple:
            self.resolve()
            kept = self.kept
        if kept is None:
            raise GradientError(
                f"backward: the graph through {self.name} was used up by an earlier backward(); "
                "pass retain_graph=True to that one to go through it again"
            )
        if versions.now[0] != self.time:
            self.check_kept(kept)
        usable: tuple[Any, ...] = kept
        return usable

    def resolve(self) -> None:
        """Have what a checkpoint did not keep computed again."""
        while self.kept is not None and type(self.kept) is not tuple:
            self.kept = self.kept.bring(self)

    def check_kept(self, kept: tuple[Any, ...]) -> None:
        """Raise GradientError if one of the arrays that were kept changed in place since."""
        for name, value in zip(self.how.kept, kept, strict=True):
            self.check_unchanged(name, value)

    def check_unchanged(self, name: str, value: Any) -> None:
        """Raise GradientError if an array that was kept changed in place since."""
        for array in value if isinstance(value, tuple) else (value,):
            by = versions.changed_since(array, self.time) if is_array(array) else None
            if by is not None:
                raise GradientError(
                    f"backward: {self.name} kept its {name}, a tensor of shape {array.shape}, for "
                    f"its gradient, and {by} changed it in place since; change a copy instead, or "
                    "after backward()"
                )


def source(x: Tensor) -> Source | None:
    """Where the gradient of `x` goes: to an output of a node, or to the leaf itself."""
    if x.base is not None and x.base.is_stale:
        views.refresh(x)
    if not x.requires_grad:
        return None
    return (x if x.node is None else x.node), x.place
