"""Convolution over series and images."""

from __future__ import annotations

import math

import numpy as np

from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.functional.size import Pair, pair
from azuraforge.engine.nn.module import Module, Parameter
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor

__all__ = ["Conv1d", "Conv2d"]


class Convolution(Module):
    """What Conv1d and Conv2d share: how weight and bias begin."""

    def __init__(
        self, channels: Pair, kernel: tuple[int, ...], bias: bool, generator: Generator | None
    ) -> None:
        super().__init__()
        in_channels, out_channels = channels
        self.weight = Parameter(np.empty((out_channels, in_channels, *kernel), np.float32))
        init.kaiming_uniform_(self.weight, math.sqrt(5), generator)
        self.bias = None
        if bias:
            bound = 1 / math.sqrt(init.fan_in(self.weight))
            self.bias = Parameter(np.empty(out_channels, np.float32))
            init.uniform_(self.bias, -bound, bound, generator)


class Conv1d(Convolution):
    """Cross-correlation of series with learned kernels, whose elements are `dilation` apart.

    Shape: (batch, in, time) -> (batch, out, …); weight (out, in, kernel), bias (out,)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        *,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__((in_channels, out_channels), (kernel_size,), bias, generator)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv1d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation
        )

    def extra_repr(self) -> str:
        out, channels, kernel = self.weight.shape
        return f"{channels}, {out}, kernel_size={kernel}, dilation={self.dilation}"


class Conv2d(Convolution):
    """Cross-correlation of images with learned kernels, whose elements are `dilation` apart.

    Shape: (batch, in, height, width) -> (batch, out, …, …); weight (out, in, kernel…), bias (out,)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        *,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__((in_channels, out_channels), pair(kernel_size), bias, generator)
        self.kernel_size = pair(kernel_size)
        self.stride = pair(stride)
        self.padding = pair(padding)
        self.dilation = pair(dilation)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation
        )

    def extra_repr(self) -> str:
        out, channels, *_ = self.weight.shape
        return f"{channels}, {out}, kernel_size={self.kernel_size}, stride={self.stride}"
