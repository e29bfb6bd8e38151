"""Layers that put a border around series, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from azuraforge.engine.functions.pad import padded
from azuraforge.engine.nn.functional.size import sizes
from azuraforge.engine.nn.module import Module
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class Pad(Module):
    """A border of `padding` elements: one number, or two for each axis from the last one on.

    Shape: (batch, channels, …) or (channels, …) -> the same, wider
    """

    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = sizes(padding, 2 * self.axes, "padding")
        self.value = 0.0

    def forward(self, input: Tensor) -> Tensor:
        if self.mode != "constant" and input.ndim not in (self.axes + 1, self.axes + 2):
            raise ShapeError(
                f"{type(self).__name__}: input {input.shape}; allowed: {self.axes + 2} axes, or "
                f"{self.axes + 1} without the batch"
            )
        return padded(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad(Pad):
    """A border of one number."""

    mode: ClassVar = "constant"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(ConstantPad):
    __doc__ = ConstantPad.__doc__
    axes: ClassVar = 1


class ConstantPad2d(ConstantPad):
    __doc__ = ConstantPad.__doc__
    axes: ClassVar = 2


class ConstantPad3d(ConstantPad):
    __doc__ = ConstantPad.__doc__
    axes: ClassVar = 3


class ZeroPad1d(Pad):
    """A border of zeros."""

    axes: ClassVar = 1
    mode: ClassVar = "constant"


class ZeroPad2d(ZeroPad1d):
    __doc__ = ZeroPad1d.__doc__
    axes: ClassVar = 2


class ZeroPad3d(ZeroPad1d):
    __doc__ = ZeroPad1d.__doc__
    axes: ClassVar = 3


class ReflectionPad1d(Pad):
    """A border that mirrors the input at its last elements."""

    axes: ClassVar = 1
    mode: ClassVar = "reflect"


class ReflectionPad2d(ReflectionPad1d):
    __doc__ = ReflectionPad1d.__doc__
    axes: ClassVar = 2


class ReflectionPad3d(ReflectionPad1d):
    __doc__ = ReflectionPad1d.__doc__
    axes: ClassVar = 3


class ReplicationPad1d(Pad):
    """A border of the elements that are nearest."""

    axes: ClassVar = 1
    mode: ClassVar = "replicate"


class ReplicationPad2d(ReplicationPad1d):
    __doc__ = ReplicationPad1d.__doc__
    axes: ClassVar = 2


class ReplicationPad3d(ReplicationPad1d):
    __doc__ = ReplicationPad1d.__doc__
    axes: ClassVar = 3


class CircularPad1d(Pad):
    """A border of the elements at the other end."""

    axes: ClassVar = 1
    mode: ClassVar = "circular"


class CircularPad2d(CircularPad1d):
    __doc__ = CircularPad1d.__doc__
    axes: ClassVar = 2


class CircularPad3d(CircularPad1d):
    __doc__ = CircularPad1d.__doc__
    axes: ClassVar = 3
