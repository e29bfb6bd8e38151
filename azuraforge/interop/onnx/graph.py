"""Graph: an ONNX model as a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.nn.module import Buffer, Module, Parameter
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError
from azuraforge.interop.onnx.block import Block
from azuraforge.interop.onnx.values import Value, as_tensor


class Graph(Module):
    """A model whose forward does an ONNX graph node by node.

    Floating initializers are parameters and buffers under the names they have in the file; what
    batch normalisation learns outside of gradients, and numbers without axes, are buffers. The
    others are constants.
    """

    def __init__(
        self,
        block: Block,
        initializers: Mapping[str, np.ndarray[Any, Any]],
        inputs: Mapping[str, tuple[int | str | None, ...] | None],
    ) -> None:
        """`inputs` gives for each input the sizes that the file asks for, where it does."""
        super().__init__()
        self.inputs = dict(inputs)
        self.outputs = list(block.outputs)
        constants: dict[str, Value] = {}
        for name, array in initializers.items():
            if array.dtype.kind != "f" or name in block.host_names:
                constants[name] = array
            elif array.ndim and name not in block.statistics:
                self._parameters[name] = Parameter(array.copy())
            else:
                self._buffers[name] = Buffer(array.copy())
        self._block, self._constants = block.folded(constants)

    def forward(self, *inputs: Any) -> Any:
        """The output, or a tuple of them where the graph has several.

        Raises: ShapeError for inputs that are not what the file asks for; an error that names the
                node, its operator and its opset for what goes wrong inside.
        """
        self._check(inputs)
        found = self.run(inputs)
        return found[0] if len(found) == 1 else tuple(found)

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Every output, as Tensors; sequences are lists."""
        scope: dict[str, Value] = {**self._constants, **self._parameters, **self._buffers}
        scope.update(zip(self.inputs, map(as_tensor, inputs), strict=False))
        return [as_tensor(value) for value in self._block.run(scope)]

    def _check(self, inputs: Sequence[Any]) -> None:
        if len(inputs) != len(self.inputs):
            raise ShapeError(
                f"onnx: got {len(inputs)} inputs; this graph takes {', '.join(self.inputs)}"
            )
        sizes: dict[str, int] = {}  # of axes with a name, the same everywhere
        for (name, wanted), x in zip(self.inputs.items(), inputs, strict=True):
            if wanted is None or not isinstance(x, Tensor | np.ndarray):
                continue
            if len(wanted) != x.ndim or not all(map(_fits(sizes), wanted, x.shape)):
                raise ShapeError(
                    f"onnx: input {name} has shape {x.shape}; allowed: {_told(wanted)}"
                )

    def extra_repr(self) -> str:
        return f"inputs={list(self.inputs)}, outputs={self.outputs}, nodes={len(self._block.nodes)}"


def _fits(sizes: dict[str, int]) -> Any:
    def fits(wanted: int | str | None, size: int) -> bool:
        if isinstance(wanted, str):
            wanted = sizes.setdefault(wanted, size)
        return wanted is None or wanted == size

    return fits


def _told(wanted: Sequence[int | str | None]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in wanted)})"
