"""Pooling over series, images and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

from azuraforge.engine.nn import functional
from azuraforge.engine.nn.functional.size import Size
from azuraforge.engine.nn.module import Module
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class Pool(Module):
    """What pooling by windows has in common; `pool` is its function of tensors."""

    pool: ClassVar[Any]

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool(Pool):
    """The largest element under each place of the kernel, and where it is, if asked for."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return self.pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip


class MaxPool1d(MaxPool):
    __doc__ = MaxPool.__doc__
    pool = staticmethod(functional.max_pool1d)


class MaxPool2d(MaxPool):
    __doc__ = MaxPool.__doc__
    pool = staticmethod(functional.max_pool2d)


class MaxPool3d(MaxPool):
    __doc__ = MaxPool.__doc__
    pool = staticmethod(functional.max_pool3d)


class MaxUnpool(Pool):
    """Zeros, with the elements of input at the places where MaxPool found them."""

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Any:
        return self.pool(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(MaxUnpool):
    __doc__ = MaxUnpool.__doc__
    pool = staticmethod(functional.max_unpool1d)


class MaxUnpool2d(MaxUnpool):
    __doc__ = MaxUnpool.__doc__
    pool = staticmethod(functional.max_unpool2d)


class MaxUnpool3d(MaxUnpool):
    __doc__ = MaxUnpool.__doc__
    pool = staticmethod(functional.max_unpool3d)


class AvgPool1d(Pool):
    """The mean under each place of the kernel."""

    pool = staticmethod(functional.avg_pool1d)

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Any:
        return self.pool(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip


class AvgPool2d(AvgPool1d):
    """The mean under each place of the kernel; or its sum, divided by `divisor_override`."""

    pool = staticmethod(functional.avg_pool2d)

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Any:
        return self.pool(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class AvgPool3d(AvgPool2d):
    __doc__ = AvgPool2d.__doc__
    pool = staticmethod(functional.avg_pool3d)


class LPPool(Module):
    """(Σ x^norm_type)^(1 / norm_type) under each place of the kernel."""

    pool: ClassVar[Any]

    def __init__(
        self,
        norm_type: float,
        kernel_size: Size,
        stride: Size | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return self.pool(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(LPPool):
    __doc__ = LPPool.__doc__
    pool = staticmethod(functional.lp_pool1d)


class LPPool2d(LPPool):
    __doc__ = LPPool.__doc__
    pool = staticmethod(functional.lp_pool2d)


class LPPool3d(LPPool):
    __doc__ = LPPool.__doc__
    pool = staticmethod(functional.lp_pool3d)


class AdaptiveAvgPool(Module):
    """Means over equal parts of the input, as many as `output_size`; None keeps a size."""

    pool: ClassVar[Any]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Any:
        return self.pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    __doc__ = AdaptiveAvgPool.__doc__
    pool = staticmethod(functional.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    __doc__ = AdaptiveAvgPool.__doc__
    pool = staticmethod(functional.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    __doc__ = AdaptiveAvgPool.__doc__
    pool = staticmethod(functional.adaptive_avg_pool3d)


class AdaptiveMaxPool(AdaptiveAvgPool):
    """The largest of each of equal parts of the input, as many as `output_size`."""

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return self.pool(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    __doc__ = AdaptiveMaxPool.__doc__
    pool = staticmethod(functional.adaptive_max_pool1d)


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    __doc__ = AdaptiveMaxPool.__doc__
    pool = staticmethod(functional.adaptive_max_pool2d)


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    __doc__ = AdaptiveMaxPool.__doc__
    pool = staticmethod(functional.adaptive_max_pool3d)


class FractionalMaxPool(Module):
    """The largest element under each of windows whose distances vary by chance.

    Source: Graham (2014), Fractional max-pooling.
    """

    pool: ClassVar[Any]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Size,
        output_size: Size | None = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        if (output_size is None) == (output_ratio is None):
            raise ConfigError(
                f"{type(self).__name__}: output_size {output_size}, output_ratio {output_ratio}; "
                "allowed: one of them"
            )
        self.kernel_size = kernel_size
        self.output_size = output_size
        self.output_ratio = output_ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Any:
        return self.pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            self._random_samples,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, output_size={self.output_size}, "
            f"output_ratio={self.output_ratio}"
        )


class FractionalMaxPool2d(FractionalMaxPool):
    __doc__ = FractionalMaxPool.__doc__
    pool = staticmethod(functional.fractional_max_pool2d)


class FractionalMaxPool3d(FractionalMaxPool):
    __doc__ = FractionalMaxPool.__doc__
    pool = staticmethod(functional.fractional_max_pool3d)
