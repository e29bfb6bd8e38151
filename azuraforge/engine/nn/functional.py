"""Functions of tensors, under PyTorch's names."""

from __future__ import annotations

from typing import cast

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.ops import conv, elementwise, index, loss, matmul, noise, pool
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

Pair = tuple[int, int]


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return cast(Tensor, elementwise.relu(x))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x wᵀ + b. Shape: x (…, in), weight (out, in), bias (out,) -> (…, out)"""
    if bias is None:
        return x @ weight.T
    return cast(Tensor, matmul.linear(x, weight, bias))


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
