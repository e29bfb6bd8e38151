"""Activations beyond those on the page of formulas: by formula, and softmax along an axis."""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import elementwise, op
from azuraforge.engine.ops.fuse import fuse
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.errors import ShapeError

# x / (1 + exp(-x)), not x by the sigmoid of tanh: that one loses all digits below -17 in float32
silu = elementwise(
    "silu(x)",
    y="x / (1 + exp(-x))",
    x="g * (1 + x / (1 + exp(x))) / (1 + exp(-x))",
    again={"x": lambda xp, g, x: g * (s := xp.sigmoid(x)) * (1 + x * (1 - s))},
)
gelu = elementwise(  # x Φ(x); its derivative is Φ(x) + x exp(-x²/2) / √2π
    "gelu(x)",
    y="x * cdf(x)",
    x="g * (cdf(x) + 0.3989422804014327 * x * exp(-0.5 * x * x))",
)
gelu_tanh = elementwise(  # x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³)
    "gelu_tanh(x)",
    y="0.5 * x * (1 + tanh(x * (0.7978845608028654 + 0.035677408136300125 * x * x)))",
    x=(
        "0.5 * g * (1 + tanh(x * (0.7978845608028654 + 0.035677408136300125 * x * x)))"
        " * (1 + x * (0.7978845608028654 + 0.10703222440890037 * x * x)"
        " * (1 - tanh(x * (0.7978845608028654 + 0.035677408136300125 * x * x))))"
    ),
)
swiglu = fuse("swiglu(a, b)", "silu(a) * b")


def _along(x: Shape, axis: int) -> Shape:
    size = max(len(x), 1)  # a number counts as having one axis
    if not -size <= axis < size:
        raise ShapeError(f"dim {axis} of shape {x}; allowed: {-size} to {size - 1}")
    return x


def _softmax(xp: Any, x: Array, y: Array, axis: int) -> None:
    if x.size:
        xp.subtract(x, x.max(axis, keepdims=True), out=y)  # so that exp cannot overflow
        xp.exp(y, out=y)
        y /= y.sum(axis, keepdims=True)


def _log_softmax(xp: Any, x: Array, y: Array, axis: int) -> None:
    if x.size:
        xp.subtract(x, x.max(axis, keepdims=True), out=y)
        y -= xp.log(xp.exp(y).sum(axis, keepdims=True))


_SAMPLES = (
    Sample(normal(3, 4), axis=-1),
    Sample(normal(2, 3, 4), axis=1),
    Sample(normal(3, 1), axis=1),
    Sample(1e4 * normal(3, 4), axis=0),
    Sample(normal(), axis=-1),
    Sample(normal(2, 0), axis=1),
)

softmax = op(
    "softmax(x, *, axis) -> y",
    shape=_along,
    forward=_softmax,
    grads={"x": lambda xp, g, y, axis: y * (g - (g * y).sum(axis, keepdims=True))},
    samples=_SAMPLES,
)

log_softmax = op(
    "log_softmax(x, *, axis) -> y",
    shape=_along,
    forward=_log_softmax,
    grads={"x": lambda xp, g, y, axis: g - xp.exp(y) * g.sum(axis, keepdims=True)},
    samples=_SAMPLES,
)
