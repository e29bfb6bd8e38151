"""Layers that bring features to mean 0 and variance 1, then scale and shift them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.nn import functional
from azuraforge.engine.nn.module import Buffer, Module, Parameter, placed
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


def _ones(is_wanted: bool, shape: int | Sequence[int]) -> Parameter | None:
    return Parameter(np.ones(shape, np.float32)) if is_wanted else None


def _zeros(is_wanted: bool, shape: int | Sequence[int]) -> Parameter | None:
    return Parameter(np.zeros(shape, np.float32)) if is_wanted else None


class LayerNorm(Module):
    """y = (x - mean) / √(variance + eps) * weight + bias, over the last axes of each sample.

    Shape:  (…, *normalized_shape) -> the same; weight, bias (*normalized_shape)
    Source: Ba, Kiros and Hinton (2016), Layer normalization.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = _ones(elementwise_affine, self.normalized_shape)
        self.bias = _zeros(elementwise_affine and bias, self.normalized_shape)
        placed(self, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


class RMSNorm(Module):
    """y = x / √(mean(x²) + eps) * weight, over the last axes of each sample.

    Shape:  (…, *normalized_shape) -> the same; weight (*normalized_shape)
    Source: Zhang and Sennrich (2019), Root mean square layer normalization.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = _ones(elementwise_affine, self.normalized_shape)
        placed(self, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


class GroupNorm(Module):
    """y = (x - mean) / √(variance + eps) * weight + bias, over groups of channels.

    Shape:  (batch, num_channels, …) -> the same; weight, bias (num_channels,)
    Source: Wu and He (2018), Group normalization.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ConfigError(
                f"GroupNorm: num_groups {num_groups}, num_channels {num_channels}; allowed: groups "
                "that divide the channels"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.weight = _ones(affine, num_channels)
        self.bias = _zeros(affine and bias, num_channels)
        placed(self, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Module):
    """y = x / (k + alpha mean(x²))^beta, the mean over `size` channels around each.

    Source: Krizhevsky, Sutskever and Hinton (2012), ImageNet classification.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return functional.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class ChannelNorm(Module):
    """What norms per channel share: parameters, and statistics that follow the batches."""

    axes: ClassVar[dict[int, str]]  # how many axes an input may have, and which

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
        device: str | None,
        dtype: Any,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        if not eps > 0:
            raise ConfigError(f"{type(self).__name__}: eps is {eps}; allowed: above 0")
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = _ones(affine, num_features)
        self.bias = _zeros(affine and bias, num_features)
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if track_running_stats:
            self.running_mean = Buffer(np.zeros(num_features, np.float32))
            self.running_var = Buffer(np.ones(num_features, np.float32))
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))
        placed(self, device, dtype)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _check(self, input: Tensor, axis: int = 1) -> None:
        if input.ndim not in self.axes or input.shape[axis] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: input {input.shape}; allowed: "
                f"{' or '.join(self.axes.values())} with {self.num_features} channels"
            )


class BatchNorm(ChannelNorm):
    """y = (x - mean) / √(variance + eps) * weight + bias, for each channel.

    In training by the batch's own mean and variance, which the running ones then follow by
    `momentum` of the difference (the variance over n - 1), or, where it is None, as the mean of all
    batches; in evaluation by the running ones, or the batch's where none are kept.

    Source: Ioffe and Szegedy (2015), Batch normalization.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, bias, device, dtype
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        follows = self.training and self.num_batches_tracked is not None
        if follows and self.num_batches_tracked is not None:
            tape.change(_count, self.num_batches_tracked.data)
        is_kept = self.track_running_stats or not self.training
        return functional.batch_norm(
            input,
            self.running_mean if is_kept else None,
            self.running_var if is_kept else None,
            self.weight, self.bias, self.training or self.running_mean is None,
            self._share() if follows else 0.0, self.eps,
        )  # fmt: skip

    def _share(self) -> float | Array:
        """How far the running statistics follow: one part in as many as there were batches."""
        if self.momentum is not None or self.num_batches_tracked is None:
            return self.momentum or 0.0
        return tape.compute(_one_in, self.num_batches_tracked.data)


class BatchNorm1d(BatchNorm):
    __doc__ = BatchNorm.__doc__
    axes: ClassVar = {2: "(batch, channels)", 3: "(batch, channels, time)"}


class BatchNorm2d(BatchNorm):
    __doc__ = BatchNorm.__doc__
    axes: ClassVar = {4: "(batch, channels, height, width)"}


class BatchNorm3d(BatchNorm):
    __doc__ = BatchNorm.__doc__
    axes: ClassVar = {5: "(batch, channels, depth, height, width)"}


class InstanceNorm(ChannelNorm):
    """y = (x - mean) / √(variance + eps) * weight + bias, for each channel of each sample.

    Where running statistics are kept, they follow the means over the batch by `momentum`, and are
    what evaluation takes.

    Shape:  a batch, or one sample without that axis -> the same
    Source: Ulyanov, Vedaldi and Lempitsky (2016), Instance normalization.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, bias, device, dtype
        )

    def forward(self, input: Tensor) -> Tensor:
        least = min(self.axes)
        self._check(input, axis=-least)
        if input.ndim == least:
            return self._normalised(input.reshape(1, *input.shape)).reshape(*input.shape)
        return self._normalised(input)

    def _normalised(self, input: Tensor) -> Tensor:
        return functional.instance_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum or 0.0, self.eps,
        )  # fmt: skip


class InstanceNorm1d(InstanceNorm):
    __doc__ = InstanceNorm.__doc__
    axes: ClassVar = {2: "(channels, time)", 3: "(batch, channels, time)"}


class InstanceNorm2d(InstanceNorm):
    __doc__ = InstanceNorm.__doc__
    axes: ClassVar = {3: "(channels, height, width)", 4: "(batch, channels, height, width)"}


class InstanceNorm3d(InstanceNorm):
    __doc__ = InstanceNorm.__doc__
    axes: ClassVar = {4: "(channels, depth, height, width)", 5: "(batch, channels, depth, …)"}


def _shape(given: int | Sequence[int]) -> tuple[int, ...]:
    return (given,) if isinstance(given, int) else tuple(given)


def _count(batches: Array) -> None:
    batches += 1


def _one_in(batches: Array) -> Array:
    return module_of(batches).asarray(1 / batches)
