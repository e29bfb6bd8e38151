"""Anomaly mode: the first op that makes NaN or Inf is named, with the line that applied it.

NumPy's ufuncs tell, for nothing, whether they made one of finite numbers: the processor notes it.
Where an op is a formula of ufuncs its result is looked at only then; the results of other ops are
summed, in one pass that makes no array. Tensors that no watched op made are summed when an op meets
them first, so that what was NaN before is not laid at an op's door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.grad.place import Place, place_of_user, told
from azuraforge.engine.grad.watch import Watch
from azuraforge.engine.ops.implementation import Implementation
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.errors import NonFiniteError

if TYPE_CHECKING:
    from azuraforge.engine.grad.autograd import Node

SUMS = frozenset(("sum", "mean"))  # besides formulas and views, all that they do is a ufunc


class Anomalies(Watch):
    """What one detect_anomaly() has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.is_flagged = False
        self._flag: Callable[..., None] = lambda *_: setattr(self, "is_flagged", True)

    def errors(self) -> np.errstate:
        """Within this, what ufuncs make of finite numbers flags the watch."""
        return np.errstate(
            invalid="call", over="call", divide="call", under="ignore", call=self._flag
        )

    def run(
        self, op: Op, inputs: Sequence[Any], arrays: Sequence[Any], bound: Any, how: Implementation
    ) -> Sequence[Array]:
        """The op's outputs. Raises: NonFiniteError if it is given, or makes, NaN or Inf."""
        shapes = [np.shape(a) for a in arrays]
        for x, array in zip(inputs, arrays, strict=True):
            if getattr(x, "node", None) is None and hasattr(array, "dtype"):
                self._check_given(op.name, array)
        self.is_flagged = any(not np.isfinite(a) for a in arrays if isinstance(a, float))
        outputs = op.run(arrays, bound, how, errors=self.errors())
        if self.is_flagged or not tells(op, how):
            check_finite(op.name, outputs, shapes)
        for output in outputs:
            self.know(output)
        return outputs

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Within the block, gradients flag the watch, from anew."""
        self.is_flagged = False
        with self.errors():
            yield

    def gradient(self, node: Node, place: int, g: Array) -> None:
        """Raise NonFiniteError if a gradient that a node made is not finite."""
        if self.is_flagged or not node.tells:
            where = f"{node.name} in {node.layer}" if node.layer else node.name
            check_finite(f"the gradient of {where}", [g], node.shapes, node.line)

    def _check_given(self, name: str, array: Array) -> None:
        if self.knows(array):
            return
        bad = _count(array)
        if bad:
            raise NonFiniteError(
                f"{name} was given a tensor {array.shape} with {bad} of {array.size} numbers NaN "
                f"or Inf, at {told(place_of_user())}; no op made them since detect_anomaly() began"
            )
        self.know(array)


def tells(op: Op, how: Implementation) -> bool:
    """Whether ufuncs that were not flagged made no NaN and no Inf in this op."""
    if op.is_view:
        return True
    if how is not op.reference:
        return False
    return op.name in SUMS if op.formulas is None else op.is_of_ufuncs


def check_finite(
    name: str, results: Sequence[Array], shapes: Sequence[Shape], line: Place | None = None
) -> None:
    """Raise NonFiniteError if the op made a number that is not finite."""
    for result in results:
        bad = _count(result)
        if bad:
            given = ", ".join(map(str, shapes))
            raise NonFiniteError(
                f"{name} made {bad} of {result.size} numbers NaN or Inf (operands {given}), at "
                f"{told(line or place_of_user())}; it is the first op that did"
            )


def _count(x: Array) -> int:
    """How many numbers are not finite. A sum is finite only where all are, and makes no array."""
    if x.dtype.kind not in "fc":
        return 0
    with np.errstate(all="ignore"):
        return 0 if np.isfinite(x.sum()) else x.size - int(np.isfinite(x).sum())
