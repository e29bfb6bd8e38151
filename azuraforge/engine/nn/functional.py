"""Functions of tensors, under PyTorch's names."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np

from azuraforge.engine import tape
from azuraforge.engine.device import Array, module_of
from azuraforge.engine.nn.pointwise import (
    celu as celu,
)
from azuraforge.engine.nn.pointwise import (
    elu as elu,
)
from azuraforge.engine.nn.pointwise import (
    glu as glu,
)
from azuraforge.engine.nn.pointwise import (
    hardshrink as hardshrink,
)
from azuraforge.engine.nn.pointwise import (
    hardsigmoid as hardsigmoid,
)
from azuraforge.engine.nn.pointwise import (
    hardswish as hardswish,
)
from azuraforge.engine.nn.pointwise import (
    hardtanh as hardtanh,
)
from azuraforge.engine.nn.pointwise import (
    leaky_relu as leaky_relu,
)
from azuraforge.engine.nn.pointwise import (
    logsigmoid as logsigmoid,
)
from azuraforge.engine.nn.pointwise import (
    mish as mish,
)
from azuraforge.engine.nn.pointwise import (
    prelu as prelu,
)
from azuraforge.engine.nn.pointwise import (
    relu6 as relu6,
)
from azuraforge.engine.nn.pointwise import (
    selu as selu,
)
from azuraforge.engine.nn.pointwise import (
    softmin as softmin,
)
from azuraforge.engine.nn.pointwise import (
    softplus as softplus,
)
from azuraforge.engine.nn.pointwise import (
    softshrink as softshrink,
)
from azuraforge.engine.nn.pointwise import (
    softsign as softsign,
)
from azuraforge.engine.nn.pointwise import (
    tanhshrink as tanhshrink,
)
from azuraforge.engine.nn.pointwise import (
    threshold as threshold,
)
from azuraforge.engine.ops import (
    activation,
    attention,
    conv,
    elementwise,
    index,
    loss,
    matmul,
    noise,
    norm,
    pool,
)
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

Pair = tuple[int, int]


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return cast(Tensor, elementwise.relu(x))


def tanh(x: Tensor) -> Tensor:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return x.tanh()


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return x.sigmoid()


def silu(x: Tensor) -> Tensor:
    """x / (1 + exp(-x)). Source: Elfwing, Uchibe and Doya (2018); also known as swish."""
    return cast(Tensor, activation.silu(x))


def gelu(x: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """x Φ(x), with Φ the normal distribution function, or its approximation by tanh.

    Source: Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    if approximate not in ("none", "tanh"):
        raise ConfigError(f"gelu: approximate is {approximate!r}; allowed: 'none', 'tanh'")
    return cast(Tensor, activation.gelu(x) if approximate == "none" else activation.gelu_tanh(x))


def softmax(x: Tensor, dim: int) -> Tensor:
    """exp(x) / Σ exp(x), summed along `dim`."""
    return cast(Tensor, activation.softmax(x, axis=dim))


def log_softmax(x: Tensor, dim: int) -> Tensor:
    """x - log Σ exp(x), summed along `dim`."""
    return cast(Tensor, activation.log_softmax(x, axis=dim))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x wᵀ + b. Shape: x (…, in), weight (out, in), bias (out,) -> (…, out)"""
    b = module_of(weight.data).zeros(len(weight), weight.dtype) if bias is None else bias
    return cast(Tensor, matmul.linear(x, weight, b))


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
) -> Tensor:
    """Cross-correlation of images with kernels whose elements are `dilation` apart.

    Shape:  x (batch, channels, height, width), weight (out, channels, kernel height, width),
            bias (out,) -> (batch, out, (height + 2 padding - extent) // stride + 1, …) with
            extent = dilation (kernel - 1) + 1
    Raises: ShapeError.
    """
    b = module_of(weight.data).zeros(len(weight), weight.dtype) if bias is None else bias
    places = {"stride": pair(stride), "padding": pair(padding), "dilation": pair(dilation)}
    return cast(Tensor, conv.conv2d(x, weight, b, **places))


def conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Cross-correlation of series with kernels; as conv2d over images of height 1.

    Shape:  x (batch, channels, time), weight (out, channels, kernel), bias (out,)
            -> (batch, out, (time + 2 padding - dilation (kernel - 1) - 1) // stride + 1)
    Raises: ShapeError.
    """
    if x.ndim != 3 or weight.ndim != 3:
        raise ShapeError(
            f"conv1d: input {x.shape}, weight {weight.shape}; allowed: (batch, channels, time), "
            "(out, channels, kernel)"
        )
    image = x.reshape(*x.shape[:2], 1, x.shape[2])
    kernels = weight.reshape(*weight.shape[:2], 1, weight.shape[2])
    y = conv2d(image, kernels, bias, (1, stride), (0, padding), (1, dilation))
    return y.reshape(*y.shape[:2], y.shape[3])


def max_pool2d(
    x: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
) -> Tensor:
    """The largest element under each place of the kernel; NaN where there is one.

    Shape: (batch, channels, height, width) -> (batch, channels, …, …) as for conv2d
    Raises: ShapeError.
    """
    step = kernel_size if stride is None else stride
    return cast(
        Tensor,
        pool.max_pool2d(x, kernel_size=pair(kernel_size), stride=pair(step), padding=pair(padding)),
    )


def adaptive_avg_pool2d(x: Tensor, output_size: int | tuple[int | None, int | None]) -> Tensor:
    """Means over equal parts of the image, as many as `output_size`; None keeps the size.

    Shape:  (batch, channels, height, width) -> (batch, channels, *output_size)
    Raises: ShapeError.
    """
    wanted = (output_size, output_size) if isinstance(output_size, int) else output_size
    size = tuple(n if m is None else m for n, m in zip(x.shape[-2:], wanted, strict=True))
    return cast(Tensor, pool.adaptive_avg_pool2d(x, output_size=size))


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


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(q kᵀ scale) v, where scale is 1 / √width unless given.

    Where is_causal, query i sees keys 0 to i alone.

    Shape:  query (…, time, width), key (…, keys, width), value (…, keys, outputs)
            -> (…, time, outputs)
    Raises: ShapeError.
    Source: Vaswani et al. (2017), Attention is all you need.
    """
    attend = attention.scaled_dot_product_attention
    return cast(Tensor, attend(query, key, value, is_causal=is_causal, scale=scale))


def dropout(
    x: Tensor, p: float = 0.5, training: bool = True, generator: Generator | None = None
) -> Tensor:
    """x with each element zero with probability p, the others divided by 1 - p.

    Source: Srivastava et al. (2014), Dropout.
    """
    if not training or p == 0:
        return x
    return cast(Tensor, noise.dropout(x, p=p, generator=generator or default_generator()))


def embedding(indices: Tensor | Array, weight: Tensor) -> Tensor:
    """Rows of `weight`. Shape: indices (…) whole numbers, weight (rows, width) -> (…, width)"""
    return cast(Tensor, index.embedding(weight, indices))


def cross_entropy(logits: Tensor, target: Tensor | Array) -> Tensor:
    """Mean negative log-likelihood of the target classes under softmax.

    l = mean(logsumexp(x) - x[target])

    Shape:  logits (batch, classes), target (batch,) whole numbers -> ()
    Raises: ShapeError.
    """
    return cast(Tensor, loss.cross_entropy(logits, target))


def mse_loss(prediction: Tensor, target: Tensor | Array) -> Tensor:
    """Mean squared error.

    Shape:  prediction, target (batch, …), equal -> ()
    Raises: ShapeError if the shapes differ; nothing is broadcast.
    """
    return cast(Tensor, loss.mse_loss(prediction, target))


def pair(value: int | Pair) -> Pair:
    """One number for both axes, or one for each."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


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
