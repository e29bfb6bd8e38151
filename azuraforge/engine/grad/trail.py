"""What a step did, op by op: which op, in which layer, and a digest of every array it made.

Two steps that part do so at the first mark that differs. An array that no op made, a batch or the
noise of a dropout, leaves a mark where an op first meets it; parameters and buffers leave none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from azuraforge.engine.device import Array, is_array, put
from azuraforge.engine.grad.watch import Watch
from azuraforge.engine.ops.implementation import Implementation
from azuraforge.engine.ops.op import Op, Shape

if TYPE_CHECKING:
    from azuraforge.engine.grad.autograd import Node

Digest = Callable[[Array], str]  # of an array on the CPU


@dataclass(frozen=True, kw_only=True)
class Mark:
    """An array of a step: given to an op, made by it, or made of its operand at `place`.

    `layer` is the path of the module that applied the op: "" is the model, None is outside of it.
    """

    kind: Literal["given", "forward", "gradient"]
    op: str
    layer: str | None
    place: int  # which operand, or which output
    shape: Shape
    digest: str


class Trail(Watch):
    """The marks that a step leaves, in their order."""

    def __init__(self, digest: Digest) -> None:
        super().__init__()
        self.marks: list[Mark] = []
        self._digest = digest

    def enter(self, module: Any) -> None:
        if not self._called:
            for tensor in (*module.parameters(), *module.buffers()):
                self.know(tensor.data)
        super().enter(module)

    def run(
        self, op: Op, inputs: Sequence[Any], arrays: Sequence[Any], bound: Any, how: Implementation
    ) -> Sequence[Array]:
        for place, array in enumerate(arrays):
            if is_array(array) and not self.knows(array):
                self._mark("given", op.name, self.layer, place, array)
        outputs = super().run(op, inputs, arrays, bound, how)
        for place, output in enumerate(outputs[: op.returned]):
            self._mark("forward", op.name, self.layer, place, output)
        return outputs

    def gradient(self, node: Node, place: int, g: Array) -> None:
        self._mark("gradient", node.name, node.layer, place, g)

    def _mark(
        self,
        kind: Literal["given", "forward", "gradient"],
        op: str,
        layer: str | None,
        place: int,
        array: Array,
    ) -> None:
        self.know(array)
        self.marks.append(
            Mark(
                kind=kind,
                op=op,
                layer=layer,
                place=place,
                shape=tuple(array.shape),
                digest=self._digest(put(array, "cpu")),
            )
        )
