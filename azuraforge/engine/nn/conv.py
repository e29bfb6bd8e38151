"""Convolution over series, images and volumes, and transposed convolution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from azuraforge.engine.functions.pad import padded
from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.functional.conv import Padding, checked_padding, same_padding
from azuraforge.engine.nn.functional.size import Size, sizes
from azuraforge.engine.nn.module import Module, Parameter, placed
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

MODES = {
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "replicate",
    "circular": "circular",
}


class Convolution(Module):
    """What convolutions share: what they are told, and how weight and bias begin."""

    axes: ClassVar[int]
    function: ClassVar[Any]  # of tensors

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self._check(in_channels, out_channels, groups, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = sizes(kernel_size, self.axes, "kernel_size")
        self.stride = sizes(stride, self.axes, "stride")
        self.padding: Any = checked_padding(padding, self.stride)
        self.dilation = sizes(dilation, self.axes, "dilation")
        self.groups = groups
        self.padding_mode = padding_mode
        self.weight = Parameter(np.empty((*self._channels(), *self.kernel_size), np.float32))
        init.kaiming_uniform_(self.weight, math.sqrt(5), generator=generator)
        self.bias = None
        if bias:
            bound = 1 / math.sqrt(init.fan_in(self.weight))
            self.bias = Parameter(np.empty(out_channels, np.float32))
            init.uniform_(self.bias, -bound, bound, generator)
        placed(self, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        if self.padding_mode == "zeros":
            return self._apply(input, self.padding)
        bordered = padded(input, self._border(), mode=MODES[self.padding_mode])
        return self._apply(bordered, 0)

    def extra_repr(self) -> str:
        said = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        said += f", stride={self.stride}, padding={self.padding}"
        others = {"dilation": (1,) * self.axes, "groups": 1, "padding_mode": "zeros"}
        for name, usual in others.items():
            value = getattr(self, name)
            said += "" if value == usual else f", {name}={value!r}"
        return said if self.bias is not None else f"{said}, bias=False"

    def _apply(self, input: Tensor, padding: Padding) -> Tensor:
        y: Tensor = self.function(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )
        return y

    def _channels(self) -> tuple[int, int]:
        """The first two axes of the weight."""
        return self.out_channels, self.in_channels // self.groups

    def _border(self) -> list[int]:
        """What to put around the input, from the last axis on, as `pad` takes it."""
        if self.padding == "same":
            widths = same_padding(self.kernel_size, self.dilation)
        elif self.padding == "valid":
            widths = [(0, 0)] * self.axes
        else:
            widths = [(n, n) for n in self.padding]
        return [n for pair in reversed(widths) for n in pair]

    def _check(self, in_channels: int, out_channels: int, groups: int, padding_mode: str) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ConfigError(
                f"{type(self).__name__}: in_channels {in_channels}, out_channels {out_channels}, "
                f"groups {groups}; allowed: groups that divide both"
            )
        if padding_mode not in MODES:
            raise ConfigError(
                f"{type(self).__name__}: padding_mode is {padding_mode!r}; allowed: {list(MODES)}"
            )


class Conv1d(Convolution):
    """Cross-correlation of series with learned kernels, whose elements are `dilation` apart.

    Shape: (batch, in, time) or (in, time) -> (…, out, …); weight (out, in / groups, kernel),
           bias (out,)
    """

    axes = 1
    function = staticmethod(functional.conv1d)


class Conv2d(Convolution):
    """Cross-correlation of images with learned kernels, whose elements are `dilation` apart.

    Shape: (batch, in, height, width) or (in, height, width) -> (…, out, …, …);
           weight (out, in / groups, kernel…), bias (out,)
    """

    axes = 2
    function = staticmethod(functional.conv2d)


class Conv3d(Convolution):
    """Cross-correlation of volumes with learned kernels, whose elements are `dilation` apart.

    Shape: (batch, in, depth, height, width) or without the batch -> (…, out, …, …, …);
           weight (out, in / groups, kernel…), bias (out,)
    """

    axes = 3
    function = staticmethod(functional.conv3d)


class TransposedConvolution(Convolution):
    """Each element of the input spreads the kernel, times itself: what convolution does backward.

    Shape: (batch, in, …) or (in, …) -> (…, out, …) with (size - 1) stride - 2 padding +
           dilation (kernel - 1) + output_padding + 1 for each axis;
           weight (in, out / groups, kernel…), bias (out,)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ConfigError(
                f"{type(self).__name__}: padding_mode is {padding_mode!r}; allowed: 'zeros'"
            )
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            device=device, dtype=dtype, generator=generator,
        )  # fmt: skip
        self.output_padding = sizes(output_padding, self.axes, "output_padding")

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        more = self.output_padding if output_size is None else self._more(input, output_size)
        y: Tensor = self.function(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
            self.dilation,
        )  # fmt: skip
        return y

    def _channels(self) -> tuple[int, int]:
        return self.in_channels, self.out_channels // self.groups

    def _more(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output_padding that gives a size. Raises: ShapeError where none does."""
        wanted = tuple(output_size)[-self.axes :]
        each = zip(
            input.shape[-self.axes :], self.kernel_size, self.stride, self.padding, self.dilation,
            strict=True,
        )  # fmt: skip
        least = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in each)
        if len(wanted) < self.axes or any(
            not m <= n < m + s for n, m, s in zip(wanted, least, self.stride, strict=True)
        ):
            raise ShapeError(
                f"{type(self).__name__}: output_size {output_size}; allowed: at least {least}, by "
                f"less than the stride {self.stride} more"
            )
        return tuple(n - m for n, m in zip(wanted, least, strict=True))


class ConvTranspose1d(TransposedConvolution):
    __doc__ = TransposedConvolution.__doc__
    axes = 1
    function = staticmethod(functional.conv_transpose1d)


class ConvTranspose2d(TransposedConvolution):
    __doc__ = TransposedConvolution.__doc__
    axes = 2
    function = staticmethod(functional.conv_transpose2d)


class ConvTranspose3d(TransposedConvolution):
    __doc__ = TransposedConvolution.__doc__
    axes = 3
    function = staticmethod(functional.conv_transpose3d)
