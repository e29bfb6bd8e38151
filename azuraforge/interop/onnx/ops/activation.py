"""Activations, and what becomes a distribution."""

from __future__ import annotations

import math
from typing import Any, Literal

import azuraforge as az
from azuraforge.engine.nn import functional as F
from azuraforge.engine.tensor import Tensor
from azuraforge.interop.onnx.converter import convert, converter

convert(
    Relu=az.relu,
    Softplus=lambda x: az.logaddexp(x, az.zeros_like(x)),
    Softsign=F.softsign,
    HardSwish=F.hardswish,
    Mish=F.mish,
)


@converter("Elu")
def elu(x: Tensor, *, alpha: float = 1.0, consumed_inputs: Any = None) -> Any:
    return F.elu(x, alpha)


@converter("Celu", since=12)
def celu(x: Tensor, *, alpha: float = 1.0) -> Any:
    return F.celu(x, alpha)


@converter("Selu")
def selu(
    x: Tensor, *, alpha: float = 1.6732631921768188,
    gamma: float = 1.0507010221481323,
    consumed_inputs: Any = None,
) -> Any:  # fmt: skip
    return gamma * F.elu(x, alpha)


@converter("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01, consumed_inputs: Any = None) -> Any:
    return F.leaky_relu(x, alpha)


@converter("ThresholdedRelu")
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Any:
    return az.where(x > alpha, x, az.zeros_like(x))


@converter("PRelu")
def prelu(x: Tensor, slope: Tensor, *, consumed_inputs: Any = None) -> Any:
    """Before opset 7 one slope per channel."""
    if slope.ndim == 1 and slope.shape[0] > 1 and x.ndim > 1:
        slope = az.reshape(slope, -1, *(1,) * (x.ndim - 2))
    return prelu_broadcast(x, slope)


@converter("PRelu", since=7)
def prelu_broadcast(x: Tensor, slope: Tensor) -> Any:
    return az.where(x < 0, x * slope, x)


@converter("HardSigmoid")
def hard_sigmoid(
    x: Tensor, *, alpha: float = 0.2, beta: float = 0.5, consumed_inputs: Any = None
) -> Any:
    return az.clamp(alpha * x + beta, 0, 1)


@converter("Shrink", since=9)
def shrink(x: Tensor, *, lambd: float = 0.5, bias: float = 0.0) -> Any:
    zero = az.zeros_like(x)
    return az.where(x > lambd, x - bias, az.where(x < -lambd, x + bias, zero)).to(x.dtype)


@converter("Gelu", since=20)
def gelu(x: Tensor, *, approximate: Literal["none", "tanh"] = "none") -> Any:
    return F.gelu(x, approximate=approximate)


@converter("Swish", since=24)
def swish(x: Tensor, *, alpha: float = 1.0) -> Any:
    wide = x.to("float32") if x.dtype.itemsize < 4 else x
    return (wide * az.sigmoid(alpha * wide)).to(x.dtype)


@converter("SwiGLU", since=28)
def swiglu(a: Tensor, b: Tensor, *, alpha: float = 1.0) -> Any:
    return swish(a, alpha=alpha) * b


@converter("Softmax")
def softmax_of_rows(x: Tensor, *, axis: int = 1) -> Any:
    """Before opset 13 over all axes from `axis` on."""
    return az.reshape(az.softmax(_rows(x, axis), 1), *x.shape)


@converter("LogSoftmax")
def log_softmax_of_rows(x: Tensor, *, axis: int = 1) -> Any:
    return az.reshape(az.log_softmax(_rows(x, axis), 1), *x.shape)


@converter("Hardmax")
def hardmax_of_rows(x: Tensor, *, axis: int = 1) -> Any:
    return az.reshape(hardmax(_rows(x, axis), axis=1), *x.shape)


@converter("Softmax", since=13)
def softmax(x: Tensor, *, axis: int = -1) -> Any:
    return az.softmax(x, axis)


@converter("LogSoftmax", since=13)
def log_softmax(x: Tensor, *, axis: int = -1) -> Any:
    return az.log_softmax(x, axis)


@converter("Hardmax", since=13)
def hardmax(x: Tensor, *, axis: int = -1) -> Any:
    """1 at the first of the largest, else 0."""
    places = az.argmax(x, axis, True)
    return az.scatter(az.zeros_like(x), axis, places, az.ones_like(x))


def _rows(x: Tensor, axis: int) -> Any:
    axis = axis % max(x.ndim, 1)
    return az.reshape(x, math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))
