"""Normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.functions.function import function
from azuraforge.engine.functions.norms import vector_norm
from azuraforge.engine.ops import norm
from azuraforge.engine.ops.overlap import window_sum
from azuraforge.engine.ops.rounding import clamp_min
from azuraforge.engine.ops.shape import reshape
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]

Momentum = float | Array  # an array of one number is read when the step is done again


@function("nn.functional.layer_norm")
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + eps) * weight + bias, over the last axes.

    Shape:  input (…, *normalized_shape), weight and bias (*normalized_shape) -> as input
    Raises: ShapeError.
    """
    w, b = _scale_and_shift(input, tuple(normalized_shape), weight, bias)
    return cast(Tensor, norm.layer_norm(input, w, b, eps=eps))


@function("nn.functional.rms_norm")
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x / √(mean(x²) + eps) * weight, over the last axes; eps is the type's own unless given.

    Shape:  input (…, *normalized_shape), weight (*normalized_shape) -> as input
    Raises: ShapeError.
    Source: Zhang and Sennrich (2019), Root mean square layer normalization.
    """
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(f"input {input.shape}; allowed: (…, {', '.join(map(str, shape))})")
    if weight is not None and weight.shape != shape:
        raise ShapeError(f"weight {weight.shape}; allowed: {shape}")
    axes = tuple(range(-len(shape), 0))
    least = float(np.finfo(input.dtype).eps) if eps is None else eps
    y = input / (input.square().mean(axes, keepdim=True) + least).sqrt()
    return y if weight is None else y * weight


@function("nn.functional.group_norm")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + eps) * weight + bias, over groups of channels of each sample.

    Shape:  input (batch, channels, …), weight and bias (channels,) -> as input
    Raises: ShapeError.
    Source: Wu and He (2018), Group normalization.
    """
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ShapeError(
            f"input {input.shape}, num_groups {num_groups}; allowed: (batch, channels, …), groups "
            "that divide the channels"
        )
    _check_channels(input, weight, bias)
    if input.data.size and math.prod(input.shape) == num_groups:
        raise ShapeError(f"input {input.shape} has but one value per group; allowed: two or more")
    return _shifted(_of_rows(input, len(input) * num_groups, eps), weight, bias)


@function("nn.functional.instance_norm")
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + eps) * weight + bias, for each channel of each sample.

    The running mean and variance, where given, follow in place by `momentum` of the difference to
    the batch's means; without `use_input_stats` they are what is normalised by.

    Shape:  input (batch, channels, …), the others (channels,) -> as input
    Raises: ShapeError; ConfigError where there are no running statistics to take.
    Source: Ulyanov, Vedaldi and Lempitsky (2016), Instance normalization.
    """
    if input.ndim < 2:
        raise ShapeError(f"input {input.shape}; allowed: (batch, channels, …)")
    _check_channels(input, weight, bias)
    if not use_input_stats:
        return _of_statistics(input, running_mean, running_var, weight, bias, eps)
    if math.prod(input.shape[2:]) == 1:
        raise ShapeError(f"input {input.shape} has but one value per channel; allowed: two or more")
    if running_mean is not None and running_var is not None:
        found = tape.compute(_means_of_instances, input.data)
        tape.change(_follow, running_mean.data, found[0], momentum, 1.0)
        tape.change(_follow, running_var.data, found[1], momentum, 1.0)
    return _shifted(_of_rows(input, math.prod(input.shape[:2]), eps), weight, bias)


@function("nn.functional.batch_norm")
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: Momentum = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + eps) * weight + bias, for each channel.

    In training of the batch, and the running mean and variance, where given, follow in place by
    `momentum` of the difference (the variance over n - 1); else of the running ones.

    Shape:  input (batch, channels, …), the others (channels,) -> as input
    Raises: ShapeError, also for a batch with one value per channel in training; ConfigError where
            there are no running statistics to take, and for an eps that is not above 0.
    """
    if eps <= 0:
        raise ConfigError(f"eps is {eps}; allowed: above 0")
    if not input.data.size:
        return _shifted(input, weight, bias)  # no batch, and nothing to follow
    if not training:
        return _of_statistics(input, running_mean, running_var, weight, bias, eps)
    w, b = _scale_and_shift(input, input.shape[1:2], weight, bias)
    y, mean, var = norm.batch_norm(input, w, b, eps=eps)
    if running_mean is not None and running_var is not None:
        count = input.data.size // len(w)
        tape.change(_follow, running_mean.data, mean.data, momentum, 1.0)
        tape.change(_follow, running_var.data, var.data, momentum, count / (count - 1))
    return cast(Tensor, y)


@function("nn.functional.local_response_norm")
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha mean(x²))^beta, the mean over `size` channels around each.

    Shape:  (batch, channels, …) -> the same
    Raises: ShapeError.
    Source: Krizhevsky, Sutskever and Hinton (2012), ImageNet classification.
    """
    if input.ndim < 3:
        raise ShapeError(f"input {input.shape}; allowed: (batch, channels, …), 3 axes or more")
    if not input.data.size:
        return input * 1
    flat = (len(input), 1, input.shape[1], math.prod(input.shape[2:]))
    around = ((size // 2, (size - 1) // 2), (0, 0))
    squares = reshape(input.square(), shape=flat)
    total = window_sum(squares, kernel=(size, 1), stride=(1, 1), widths=around)
    mean = reshape(total, shape=input.shape) / size
    return input / (mean * alpha + k) ** beta  # type: ignore[no-any-return]


@function("nn.functional.normalize")
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖ₚ, eps), the norm along `dim`."""
    length = vector_norm(input, p, dim, keepdim=True)
    return input / cast(Tensor, clamp_min(length, eps))


def _scale_and_shift(
    x: Tensor, shape: tuple[int, ...], weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Weight and bias of a norm; where there is none, ones and zeros."""
    xp = module_of(x.data)
    return (
        Tensor(xp.ones(shape, x.dtype)) if weight is None else weight,
        Tensor(xp.zeros(shape, x.dtype)) if bias is None else bias,
    )


def _check_channels(x: Tensor, *each: Tensor | None) -> None:
    for given in each:
        if given is not None and given.shape != x.shape[1:2]:
            raise ShapeError(
                f"input {x.shape}, weight or bias {given.shape}; allowed: {x.shape[1:2]}"
            )


def _of_rows(x: Tensor, rows: int, eps: float) -> Tensor:
    """x, each of so many equal parts of it with mean 0 and variance 1."""
    if not x.data.size:
        return x * 1
    flat = reshape(x, shape=(rows, x.data.size // rows))
    w, b = _scale_and_shift(x, flat.shape[1:], None, None)
    return cast(Tensor, reshape(norm.layer_norm(flat, w, b, eps=eps), shape=x.shape))


def _shifted(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """y times a weight and plus a bias per channel, where there are any."""
    per_channel = (-1, *(1,) * (y.ndim - 2))
    if weight is not None:
        y = y * weight.reshape(*per_channel)
    return y if bias is None else y + bias.reshape(*per_channel)


def _of_statistics(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """x, each channel with its running mean taken off and divided by its deviation."""
    if running_mean is None or running_var is None:
        raise ConfigError("there are no statistics of the input; pass running_mean and running_var")
    _check_channels(x, running_mean, running_var, weight, bias)
    w, b = _scale_and_shift(x, x.shape[1:2], weight, bias)
    scale = w / (running_var + eps).sqrt()
    per_channel = (len(w), *(1,) * (x.ndim - 2))
    shift = b - running_mean * scale
    return x * scale.reshape(*per_channel) + shift.reshape(*per_channel)


def _means_of_instances(x: Array) -> Array:
    """The means over a batch of mean and variance (over n - 1). Shape: -> (2, channels)"""
    flat = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    xp = module_of(x)
    return xp.stack([flat.mean(2).mean(0), flat.var(2, ddof=1).mean(0)])


def _follow(running: Array, found: Array, momentum: Momentum, factor: float) -> None:
    """running += momentum (factor found - running), in place."""
    with np.errstate(all="ignore"):  # NaN and Inf travel, as in ops
        running += momentum * (factor * found - running)
