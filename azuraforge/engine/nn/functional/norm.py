"""Normalisation."""

from __future__ import annotations

from typing import cast

import numpy as np

from azuraforge.engine import tape
from azuraforge.engine.device import Array, module_of
from azuraforge.engine.ops import norm
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

__all__ = ["batch_norm", "layer_norm"]


def layer_norm(
    x: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + eps) * weight + bias, over the last axes.

    Shape:  x (…, *normalized_shape), weight and bias (*normalized_shape) -> as x
    Raises: ShapeError.
    """
    w, b = _scale_and_shift(x, tuple(normalized_shape), weight, bias)
    return cast(Tensor, norm.layer_norm(x, w, b, eps=eps))


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / √(variance + eps) * weight + bias, for each channel.

    In training of the batch, and the running mean and variance, where given, follow in place by
    `momentum` of the difference (the variance over n - 1); else of the running ones.

    Shape:  x (batch, channels, …), the others (channels,) -> as x
    Raises: ShapeError, also for a batch with one value per channel in training; ConfigError where
            there are no running statistics to take.
    """
    w, b = _scale_and_shift(x, x.shape[1:2], weight, bias)
    if training:
        y, mean, var = norm.batch_norm(x, w, b, eps=eps)
        if running_mean is not None and running_var is not None:
            count = x.data.size // len(w)
            tape.change(_follow, running_mean.data, mean.data, momentum, 1.0)
            tape.change(_follow, running_var.data, var.data, momentum, count / (count - 1))
        return cast(Tensor, y)
    if running_mean is None or running_var is None:
        raise ConfigError("batch_norm: outside of training it takes running_mean and running_var")
    scale = w / (running_var + eps).sqrt()
    per_channel = (len(w), *(1,) * (x.ndim - 2))
    shift = b - running_mean * scale
    return x * scale.reshape(*per_channel) + shift.reshape(*per_channel)


def _scale_and_shift(
    x: Tensor, shape: tuple[int, ...], weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Weight and bias of a norm; where there is none, ones and zeros."""
    xp = module_of(x.data)
    return (
        Tensor(xp.ones(shape, x.dtype)) if weight is None else weight,
        Tensor(xp.zeros(shape, x.dtype)) if bias is None else bias,
    )


def _follow(running: Array, found: Array, momentum: float, factor: float) -> None:
    """running += momentum (factor found - running), in place."""
    with np.errstate(all="ignore"):  # NaN and Inf travel, as in ops
        running += momentum * (factor * found - running)
