"""Normalisation and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.nn import functional as F
from azuraforge.engine.tensor import Tensor
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.ops.shape import padded
from azuraforge.interop.onnx.values import number


@converter("BatchNormalization")
def batch_norm_of_old(
    x: Tensor, scale: Tensor, b: Tensor, mean: Tensor, var: Tensor, *, epsilon: float = 1e-5,
    momentum: float = 0.9, is_test: int = 0, spatial: int = 1, consumed_inputs: Any = None,
    _outputs: int,
) -> Any:  # fmt: skip
    """Before opset 14 it is trained where further outputs are asked for."""
    training = int(_outputs > 1)
    return batch_norm(
        x, scale, b, mean, var, epsilon=epsilon, momentum=momentum, training_mode=training
    )


@converter("BatchNormalization", since=14)
def batch_norm(
    x: Tensor, scale: Tensor, b: Tensor, mean: Tensor, var: Tensor, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0,
) -> Any:  # fmt: skip
    """In training with the batch's own mean and variance, and the running ones after it."""
    if not training_mode:
        return F.batch_norm(x, mean, var, scale, b, False, 0.0, epsilon)
    found_var, found_mean = az.var_mean(x, (0, *range(2, x.ndim)), correction=0)
    y = F.batch_norm(x, found_mean, found_var, scale, b, False, 0.0, epsilon)
    running_mean = mean * momentum + found_mean.detach() * (1 - momentum)
    running_var = var * momentum + found_var.detach() * (1 - momentum)
    return y, running_mean, running_var


@converter("InstanceNormalization")
def instance_norm(
    x: Tensor, scale: Tensor, b: Tensor, *, epsilon: float = 1e-5, consumed_inputs: Any = None
) -> Any:
    y, _, _ = _normalized(x, tuple(range(2, x.ndim)), epsilon)
    per_channel = (-1, *(1,) * (x.ndim - 2))
    return y * az.reshape(scale, *per_channel) + az.reshape(b, *per_channel)


@converter("LayerNormalization", since=17)
def layer_norm(
    x: Tensor, scale: Tensor, b: Tensor | None = None, *, axis: int = -1,
    epsilon: float = 1e-5, stash_type: int = 1, _outputs: int,
) -> Any:  # fmt: skip
    axes = tuple(range(axis % x.ndim, x.ndim))
    shape = x.shape[axis % x.ndim :]
    if _outputs == 1 and scale.shape == shape and (b is None or b.shape == shape):
        return F.layer_norm(x, shape, scale, b, epsilon)
    wide = x.to("float32") if x.dtype.itemsize < 4 and stash_type == 1 else x
    y, mean, rstd = _normalized(wide, axes, epsilon)
    y = y.to(x.dtype) * scale
    return (y if b is None else y + b), mean, rstd


@converter("MeanVarianceNormalization", since=9)
def mean_variance_norm(x: Tensor, *, axes: list[int] | None = None) -> Any:
    over = tuple([0, 2, 3] if axes is None else axes)
    centred = x - az.mean(x, over, True)
    return centred / (az.sqrt(az.mean(centred * centred, over, True)) + 1e-9)


@converter("LpNormalization")
def lp_norm(x: Tensor, *, axis: int = -1, p: int = 2) -> Any:
    """Divided by the norm along an axis; where that is zero, zero."""
    size = az.abs(x) if p == 1 else x * x
    total = az.sum(size, axis, True)
    norm = total if p == 1 else az.sqrt(total)
    return az.where(
        total == 0, az.zeros_like(x), x / az.where(total == 0, az.ones_like(norm), norm)
    )


@converter("LRN")
def local_response_norm(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Any:
    """x / (bias + alpha / size Σ x²)^beta, summed over `size` channels about each."""
    channels, before = x.shape[1], (size - 1) // 2
    squares = padded(x * x, [(0, 0), (before, size - 1 - before)], "constant")
    total = sum(az.narrow(squares, 1, i, channels) for i in range(size))
    return x / az.pow(bias + alpha / size * total, beta)


@converter("Dropout")
def dropout_attribute(
    x: Tensor, *, ratio: float = 0.5, is_test: int = 0, consumed_inputs: Any = None
) -> Any:
    """Before opset 12 as it is in a model that predicts: x itself."""
    return x, az.ones_like(x, dtype=np.bool_)


@converter("Dropout", since=12, host="ratio training_mode", is_random=True)
def dropout(
    x: Tensor, ratio: Any = None, training_mode: Any = None, *, seed: int | None = None
) -> Any:
    """With a seed the elements are drawn as ONNX's reference does it, by NumPy's old generator."""
    share = 0.5 if ratio is None else number(ratio)
    if training_mode is None or not bool(training_mode) or share == 0:
        return x, az.ones_like(x, dtype=np.bool_)
    if seed is None:
        kept = az.rand(*x.shape) >= share
    else:
        kept = Tensor(np.random.RandomState(seed).uniform(0, 1, x.shape) >= share)
    return az.where(kept, x / (1 - share), az.zeros_like(x)), kept


def _normalized(x: Tensor, axes: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """x less its mean over its deviation; the mean, and one over the deviation."""
    mean = az.mean(x, axes, True)
    centred = x - mean
    rstd = 1 / az.sqrt(az.mean(centred * centred, axes, True) + eps)
    return centred * rstd, mean, rstd
