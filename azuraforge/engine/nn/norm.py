"""Layers that bring features to mean 0 and variance 1, then scale and shift them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from azuraforge.engine import tape
from azuraforge.engine.device import Array
from azuraforge.engine.nn import functional
from azuraforge.engine.nn.module import Buffer, Module, Parameter
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm"]


class LayerNorm(Module):
    """y = (x - mean) / √(variance + eps) * weight + bias, over the last axes of each sample.

    Shape:  (…, *normalized_shape) -> the same; weight, bias (*normalized_shape)
    Source: Ba, Kiros and Hinton (2016), Layer normalization.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape = tuple(shape)
        self.eps = eps
        self.weight = Parameter(np.ones(shape, np.float32)) if elementwise_affine else None
        has_bias = elementwise_affine and bias
        self.bias = Parameter(np.zeros(shape, np.float32)) if has_bias else None

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


class BatchNorm(Module):
    """y = (x - mean) / √(variance + eps) * weight + bias, for each channel.

    In training by the batch's own mean and variance, which the running ones then follow by
    `momentum` of the difference (the variance over n - 1); in evaluation by the running ones.

    Source: Ioffe and Szegedy (2015), Batch normalization.
    """

    axes: ClassVar[dict[int, str]]  # how many axes an input may have, and which

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.weight = Parameter(np.ones(num_features, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_features, np.float32)) if affine else None
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if track_running_stats:
            self.running_mean = Buffer(np.zeros(num_features, np.float32))
            self.running_var = Buffer(np.ones(num_features, np.float32))
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim not in self.axes or x.shape[1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: input {x.shape}; allowed: "
                f"{' or '.join(self.axes.values())} with {self.num_features} channels"
            )
        if self.training and self.num_batches_tracked is not None:
            tape.change(_count, self.num_batches_tracked.data)
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or self.running_mean is None, self.momentum, self.eps,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(BatchNorm):
    __doc__ = BatchNorm.__doc__
    axes: ClassVar = {2: "(batch, channels)", 3: "(batch, channels, time)"}


class BatchNorm2d(BatchNorm):
    __doc__ = BatchNorm.__doc__
    axes: ClassVar = {4: "(batch, channels, height, width)"}


def _count(batches: Array) -> None:
    batches += 1
