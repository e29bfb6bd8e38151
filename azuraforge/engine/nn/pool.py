"""Pooling over images."""

from __future__ import annotations

from azuraforge.engine.nn import functional
from azuraforge.engine.nn.functional.size import Pair, pair
from azuraforge.engine.nn.module import Module
from azuraforge.engine.tensor import Tensor

__all__ = ["AdaptiveAvgPool2d", "MaxPool2d"]


class MaxPool2d(Module):
    """The largest element under each place of the kernel."""

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
    ) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size)
        self.stride = self.kernel_size if stride is None else pair(stride)
        self.padding = pair(padding)

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


class AdaptiveAvgPool2d(Module):
    """Means over equal parts of the image, as many as `output_size`; None keeps the size."""

    def __init__(self, output_size: int | tuple[int | None, int | None]) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
