"""A graph being written: nodes, the constants they need, and which array has which name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from azuraforge.engine.device import Array, put
from azuraforge.errors import DTypeError


@dataclass(frozen=True)
class Slot:
    """A named value of the graph, as large as it was when the model was run."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        return len(self.shape)


class Writer:
    """Collects nodes. Call it with an operator, its operands and attributes for the result."""

    def __init__(self, opset: int, names: Mapping[int, str]) -> None:
        """`names` has those of parameters and buffers, by the ids of their arrays."""
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._names = dict(names)
        self._slots: dict[int, Slot] = {}
        self._counts = Counter[str]()

    def __call__(
        self,
        op: str,
        *operands: Slot | Array | float | None,
        like: tuple[tuple[int, ...], Any] | None = None,
        **attributes: Any,
    ) -> Slot:
        """The result of one more node; `like` says its shape and type where they matter."""
        (made,) = self.several(op, operands, 1, **attributes)
        return made if like is None else Slot(made.name, tuple(like[0]), np.dtype(like[1]))

    def several(
        self, op: str, operands: Sequence[Any], count: int, **attributes: Any
    ) -> list[Slot]:
        """The results of one more node that has several."""
        inputs = [self._named(x).name if x is not None else "" for x in operands]
        first = next((x for x in map(self._known, operands) if x is not None), None)
        shape, dtype = (first.shape, first.dtype) if first else ((), np.dtype(np.float32))
        names = [self.fresh(op.lower()) for _ in range(count)]
        self.nodes.append(helper.make_node(op, inputs, names, name=names[0], **attributes))
        return [Slot(name, shape, dtype) for name in names]

    def fresh(self, begin: str) -> str:
        """A name that nothing has yet."""
        self._counts[begin] += 1
        return f"{begin}_{self._counts[begin]}"

    def put(self, array: Array, name: str) -> Slot:
        """Give an array of the traced run a name; operands that are this array have it then."""
        slot = Slot(name, tuple(array.shape), array.dtype)
        self._slots[id(array)] = slot
        return slot

    def knows(self, array: Any) -> bool:
        """Whether an array was made in the graph, or put into it."""
        return id(array) in self._slots

    def of(self, x: Any) -> Slot:
        """The slot of an array of the traced run: made before, a parameter, or a constant."""
        found = self._slots.get(id(x))
        if found is not None:
            return found
        name = self._names.get(id(x))
        return self.constant(x) if name is None else self._stored(x, name)

    def constant(self, x: Any, dtype: Any = None) -> Slot:
        """Numbers that are part of the graph."""
        return self._stored(np.asarray(put(x, "cpu") if hasattr(x, "dtype") else x, dtype))

    def cast(self, x: Slot, dtype: Any) -> Slot:
        """The slot in another element type; itself where it has that already."""
        if x.dtype == dtype:
            return x
        made = self("Cast", x, to=element_type(np.dtype(dtype)))
        return Slot(made.name, x.shape, np.dtype(dtype))

    def _named(self, x: Any) -> Slot:
        return x if isinstance(x, Slot) else self.constant(x)

    def _known(self, x: Any) -> Slot | None:
        return x if isinstance(x, Slot) else None

    def _stored(self, x: Any, name: str | None = None) -> Slot:
        array = np.asarray(put(x, "cpu"))
        name = self.fresh("constant") if name is None else name
        if name not in self.initializers:
            element_type(array.dtype)
            self.initializers[name] = numpy_helper.from_array(
                np.ascontiguousarray(array).reshape(array.shape), name
            )
        return (
            self.put(x, name)
            if hasattr(x, "shape") and x.shape == array.shape
            else Slot(name, array.shape, array.dtype)
        )


def element_type(dtype: np.dtype[Any]) -> int:
    """ONNX's number for an element type. Raises: DTypeError where it has none."""
    try:
        return int(helper.np_dtype_to_tensor_dtype(dtype))
    except (KeyError, ValueError, TypeError) as error:
        raise DTypeError(f"onnx.export: {dtype} has no counterpart in ONNX") from error
