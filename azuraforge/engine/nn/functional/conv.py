"""Convolution."""

from __future__ import annotations

from typing import cast

from azuraforge.engine.device import module_of
from azuraforge.engine.nn.functional.size import Pair, pair
from azuraforge.engine.ops import conv
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

__all__ = ["conv1d", "conv2d"]


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
