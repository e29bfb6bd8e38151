"""Gradients that leave a graph: functions written for arrays, called with Tensors.

An op's gradients are declared once, in `xp` arithmetic. Here `xp` is a namespace whose functions
are ops, and arrays are Recorded: Tensors with the part of ndarray's surface that gradients use.
What such a function does leaves nodes, so that it can be differentiated in turn, any number of
times. A Recorded that is written to takes on the result, as `x = x + 1` does; arrays that share
memory with it do not follow. A gradient that relies on that declares `again` beside it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.grad.walk import broadcast_axes
from azuraforge.engine.ops import Op, assign, complex, elementwise, reduce
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor, read


class Recorded(Tensor):
    """A tensor with the methods of an array."""

    __slots__ = ()

    @staticmethod
    def __apply_op__(op: Op, inputs: Sequence[Any], attributes: dict[str, Any]) -> Any:
        results = Tensor.__apply_op__(op, inputs, attributes)
        return recorded(results) if op.returned == 1 else tuple(map(recorded, results))

    @property
    def size(self) -> int:
        return int(self.data.size)

    @property
    def itemsize(self) -> int:
        return int(self.data.itemsize)

    @property
    def mT(self) -> Recorded:
        swapped: Recorded = self.swapaxes(-1, -2)
        return swapped

    def become(self, other: Any) -> None:
        """Be from now on what `other` is, brought to this shape and type."""
        value = broadcast_to(as_recorded(other, self), self.shape).astype(self.dtype)
        self.data, self.node, self.place = value.data, value.node, value.place
        self.requires_grad = value.requires_grad

    def astype(self, dtype: Any, copy: bool = True) -> Recorded:
        if self.dtype == dtype:
            return recorded(self)
        if np.dtype(dtype).kind not in "fc":
            return Recorded(tape.compute(lambda x: x.astype(dtype), self.data))
        return recorded(layout.cast(self, dtype=np.dtype(dtype)))

    def copy(self) -> Recorded:
        return recorded(self)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return reduce.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return reduce.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return reduce.amax(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return -reduce.amax(-self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Any:
        return layout.reshape(self, shape=_sizes(shape))

    def ravel(self) -> Any:
        return self.reshape(-1)

    def transpose(self, *axes: Any) -> Any:
        order = _sizes(axes) if axes else tuple(reversed(range(self.ndim)))
        return layout.permute(self, dims=order)

    def swapaxes(self, one: int, other: int) -> Any:
        order = list(range(self.ndim))
        order[one], order[other] = order[other], order[one]
        return self.transpose(tuple(order))

    def take(self, indices: Any, axis: int) -> Any:
        return self[(slice(None),) * (axis % self.ndim) + (indices,)]

    def any(self) -> bool:
        read("any() in a gradient")
        return bool(self.data.any())

    def all(self) -> bool:
        read("all() in a gradient")
        return bool(self.data.all())

    def conj(self) -> Recorded:
        return recorded(complex.conj(self)) if self.dtype.kind == "c" else self

    def __setitem__(self, index: Any, value: Any) -> None:
        index = plain(index)
        value = as_recorded(value, self).astype(self.dtype)
        self.become(assign.setitem(self, value, index=index))

    def __and__(self, other: Any) -> Recorded:
        return Recorded(tape.compute(operator.and_, self.data, plain(other)))

    def __or__(self, other: Any) -> Recorded:
        return Recorded(tape.compute(operator.or_, self.data, plain(other)))

    def __xor__(self, other: Any) -> Recorded:
        return Recorded(tape.compute(operator.xor, self.data, plain(other)))

    def __invert__(self) -> Recorded:
        return Recorded(tape.compute(operator.invert, self.data))


def _in_place(name: str) -> Callable[[Recorded, Any], Recorded]:
    def change(self: Recorded, other: Any) -> Recorded:
        self.become(getattr(self, name)(other))
        return self

    return change


for _name in ("add", "sub", "mul", "truediv", "and", "or", "xor"):
    setattr(Recorded, f"__i{_name}__", _in_place(f"__{_name}__"))


def recorded(x: Tensor) -> Recorded:
    """The tensor, with its past, as an array for gradients."""
    made = Recorded(x.data)
    if x.requires_grad:
        made.node = x if x.node is None else x.node  # type: ignore[assignment]
        made.place, made.requires_grad = x.place, True
    return made


def tensor_of(x: Tensor) -> Tensor:
    """What a gradient made, as the Tensor that users see."""
    if isinstance(x.node, Tensor):  # a leaf, which passed through
        return x.node
    made = Tensor(x.data)
    made.node, made.place, made.requires_grad = x.node, x.place, x.requires_grad
    return made


def broadcast_to(x: Recorded, shape: Shape) -> Recorded:
    """x over and over along axes that are new, or were of size 1."""
    if x.shape == tuple(shape):
        return x
    zeros = module_of(x.data).zeros(shape, x.dtype)
    return elementwise.add(x, zeros)  # type: ignore[no-any-return]


def unbroadcast(g: Recorded, shape: Shape) -> Recorded:
    """`g` summed over the axes along which an operand of `shape` was broadcast."""
    if g.shape == shape:
        return g
    over = broadcast_axes(g.shape, shape)
    return g.sum(over, keepdims=True).reshape(shape)  # type: ignore[no-any-return]


def as_recorded(x: Any, like: Tensor) -> Recorded:
    """Arrays and numbers as constants, numbers in the type of `like`."""
    if isinstance(x, Recorded):
        return x
    if isinstance(x, Tensor):
        return recorded(x)
    dtype = None if hasattr(x, "dtype") else like.dtype
    return Recorded(module_of(like.data).asarray(x, dtype=dtype))


def plain(x: Any) -> Any:
    """Arrays and numbers in the place of Recorded ones, in an index too."""
    if isinstance(x, tuple):
        return tuple(map(plain, x))
    return x.data if isinstance(x, Tensor) else x


def _sizes(sizes: tuple[Any, ...]) -> Shape:
    only = sizes[0] if len(sizes) == 1 else sizes
    return (int(only),) if isinstance(only, int | np.integer) else tuple(int(n) for n in only)
