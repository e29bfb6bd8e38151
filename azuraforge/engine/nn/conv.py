"""Layers over images: Conv2d and MaxPool2d."""

from __future__ import annotations

import math

import numpy as np

from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.functional import Pair, pair
from azuraforge.engine.nn.module import Module, Parameter
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor


class Conv2d(Module):
    """Cross-correlation of images with learned kernels.

    Shape: (batch, in, height, width) -> (batch, out, …, …); weight (out, in, kernel…), bias (out,)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        *,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size)
        self.stride = pair(stride)
        self.padding = pair(padding)
        shape = (out_channels, in_channels, *self.kernel_size)
        self.weight = Parameter(np.empty(shape, np.float32))
        init.kaiming_uniform_(self.weight, math.sqrt(5), generator)
        self.bias = None
        if bias:
            bound = 1 / math.sqrt(init.fan_in(self.weight))
            self.bias = Parameter(np.empty(out_channels, np.float32))
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)

    def extra_repr(self) -> str:
        out, channels, *_ = self.weight.shape
        return f"{channels}, {out}, kernel_size={self.kernel_size}, stride={self.stride}"


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
