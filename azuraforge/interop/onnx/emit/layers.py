"""Ops that are layers: products, convolutions, norms, attention, recurrent cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.emit.shape import whole
from azuraforge.interop.onnx.emit.table import emits
from azuraforge.interop.onnx.writer import Slot, Writer


@emits("matmul")
def matmul(to: Writer, a: Slot, b: Slot, *, _y: Array) -> Slot:
    return to("MatMul", to.cast(a, _y.dtype), to.cast(b, _y.dtype))


@emits("linear")
def linear(to: Writer, x: Slot, w: Slot, b: Slot) -> Slot:
    if x.ndim == 2:
        return to("Gemm", x, w, b, transB=1)
    return to("Add", to("MatMul", x, to("Transpose", w, perm=[1, 0])), b)


@emits("conv2d")
def conv2d(
    to: Writer, x: Slot, w: Slot, b: Slot, *, stride: Any, padding: Any, dilation: Any
) -> Slot:
    return to(
        "Conv", x, w, b, kernel_shape=list(w.shape[2:]), strides=list(stride),
        pads=[*padding] * 2, dilations=list(dilation),
    )  # fmt: skip


@emits("convolution")
def convolution(
    to: Writer, x: Slot, w: Slot, *, stride: Any, padding: Any, dilation: Any, groups: int
) -> Slot:
    return to(
        "Conv", x, w, kernel_shape=list(w.shape[2:]), strides=list(stride), pads=[*padding] * 2,
        dilations=list(dilation), group=groups,
    )  # fmt: skip


@emits("convolution_input")
def convolution_input(
    to: Writer, x: Slot, w: Slot, *, size: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Slot:  # fmt: skip
    """A transposed convolution; what the size leaves open is padded at the end."""
    each = zip(x.shape[2:], w.shape[2:], stride, padding, dilation, size, strict=True)
    more = [m - ((n - 1) * s - 2 * p + d * (k - 1) + 1) for n, k, s, p, d, m in each]
    return to(
        "ConvTranspose", x, w, kernel_shape=list(w.shape[2:]), strides=list(stride),
        pads=[*padding] * 2, dilations=list(dilation), group=groups, output_padding=more,
    )  # fmt: skip


@emits("layer_norm")
def layer_norm(to: Writer, x: Slot, w: Slot, b: Slot, *, eps: float) -> Slot:
    return to("LayerNormalization", x, w, b, axis=-w.ndim, epsilon=eps)


@emits("batch_norm")
def batch_norm(to: Writer, x: Slot, w: Slot, b: Slot, *, eps: float) -> list[Slot]:
    """The batch's own mean and variance, as where no running ones are kept."""
    axes = whole([0, *range(2, x.ndim)])
    mean = to("ReduceMean", x, axes, keepdims=1)
    centred = to("Sub", x, mean)
    var = to("ReduceMean", to("Mul", centred, centred), axes, keepdims=1)
    deviation = to("Sqrt", to("Add", var, to.constant(eps, x.dtype)))
    per_channel = whole([-1, *[1] * (x.ndim - 2)])
    scaled = to("Mul", to("Div", centred, deviation), to("Reshape", w, per_channel))
    y = to("Add", scaled, to("Reshape", b, per_channel))
    return [y, to("Reshape", mean, whole([-1])), to("Reshape", var, whole([-1]))]


@emits("scaled_dot_product_attention")
def attention(
    to: Writer, q: Slot, k: Slot, v: Slot, *, is_causal: bool, scale: float | None
) -> Slot:
    """softmax(q kᵀ scale, less what comes later) v"""
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    order = [*range(k.ndim - 2), k.ndim - 1, k.ndim - 2]
    scores = to("MatMul", q, to("Transpose", k, perm=order))
    scores = to("Mul", scores, to.constant(factor, q.dtype))
    if is_causal:
        seen = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
        mask = np.where(seen, 0, -np.inf).astype(q.dtype)
        scores = to("Add", scores, to.constant(mask))
    return to("MatMul", to("Softmax", scores, axis=-1), v)


@emits("lstm")
def lstm(
    to: Writer, x: Slot, w_ih: Slot, w_hh: Slot, b_ih: Slot, b_hh: Slot, h: Slot, c: Slot
) -> list[Slot]:
    """PyTorch's gates i f g o are ONNX's i o f c."""
    order = [0, 3, 1, 2]
    weights = [_gates(to, w, order) for w in (w_ih, w_hh)]
    bias = to("Concat", _gates(to, b_ih, order), _gates(to, b_hh, order), axis=1)
    states = [to("Unsqueeze", state, whole([0])) for state in (h, c)]
    operands = [x, *weights, bias, None, *states]
    y, h_n, c_n = to.several("LSTM", operands, 3, hidden_size=w_hh.shape[1])
    first = whole([0])
    squeezed = [to("Squeeze", state, first) for state in (h_n, c_n)]
    return [to("Squeeze", y, whole([1])), *squeezed]


@emits("gru")
def gru(to: Writer, x: Slot, w_ih: Slot, w_hh: Slot, b_ih: Slot, b_hh: Slot, h: Slot) -> list[Slot]:
    """PyTorch's gates r z n are ONNX's z r h; the reset comes after the product."""
    order = [1, 0, 2]
    weights = [_gates(to, w, order) for w in (w_ih, w_hh)]
    bias = to("Concat", _gates(to, b_ih, order), _gates(to, b_hh, order), axis=1)
    operands = [x, *weights, bias, None, to("Unsqueeze", h, whole([0]))]
    y, h_n = to.several("GRU", operands, 2, hidden_size=w_hh.shape[1], linear_before_reset=1)
    return [to("Squeeze", y, whole([1])), to("Squeeze", h_n, whole([0]))]


@emits("rnn")
def rnn(
    to: Writer, x: Slot, w_ih: Slot, w_hh: Slot, b_ih: Slot, b_hh: Slot, h: Slot,
    *, nonlinearity: str,
) -> list[Slot]:  # fmt: skip
    weights = [_gates(to, w, [0]) for w in (w_ih, w_hh)]
    bias = to("Concat", _gates(to, b_ih, [0]), _gates(to, b_hh, [0]), axis=1)
    operands = [x, *weights, bias, None, to("Unsqueeze", h, whole([0]))]
    kind = {"tanh": "Tanh", "relu": "Relu"}[nonlinearity]
    y, h_n = to.several("RNN", operands, 2, hidden_size=w_hh.shape[1], activations=[kind])
    return [to("Squeeze", y, whole([1])), to("Squeeze", h_n, whole([0]))]


@emits("mse_loss")
def mse_loss(to: Writer, x: Slot, target: Slot) -> Slot:
    rest = to("Sub", x, target)
    return to("ReduceMean", to("Mul", rest, rest), keepdims=0)


@emits("cross_entropy")
def cross_entropy(to: Writer, x: Slot, target: Slot, *, ignore_index: int) -> Slot:
    return to("SoftmaxCrossEntropyLoss", x, target, ignore_index=ignore_index)


def _gates(to: Writer, w: Slot, order: list[int]) -> Slot:
    """The rows of each gate in another order, with an axis for the direction."""
    rows = np.arange(w.shape[0]).reshape(len(order), -1)[order].reshape(-1)
    return to("Unsqueeze", to("Gather", w, whole(rows), axis=0), whole([0]))


@emits("dropout", "uniform_like")
def random(to: Writer, *operands: Slot, **attributes: Any) -> Slot:
    raise ConfigError("draws numbers at random; call .eval() on the model first")
