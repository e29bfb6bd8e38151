"""Losses, each the mean over its samples."""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, integers, normal
from azuraforge.errors import ShapeError


def _classes(x: Shape, target: Shape) -> tuple[Shape, Shape]:
    if len(x) != 2 or target != x[:1] or not x[0]:
        raise ShapeError(f"input {x}, target {target}; allowed: (batch, classes), (batch,)")
    return (), x


def _cross_entropy(xp: Any, x: Array, target: Array, y: Array, _softmax: Array) -> None:
    classes = x.shape[1]
    if target.dtype.kind not in "iu" or int(target.min()) < 0 or int(target.max()) >= classes:
        raise ShapeError(
            f"target holds {target.min()} to {target.max()} as {target.dtype}; "
            f"allowed: whole numbers 0 to {classes - 1}"
        )
    xp.subtract(x, x.max(1, keepdims=True), out=_softmax)
    own = _softmax[xp.arange(len(x)), target]
    xp.exp(_softmax, out=_softmax)
    total = _softmax.sum(1, keepdims=True)
    _softmax /= total
    y[...] = (xp.log(total[:, 0]) - own).mean()


def _cross_entropy_gradient(xp: Any, g: Array, target: Array, _softmax: Array) -> Array:
    gx = _softmax.copy()
    gx[xp.arange(len(gx)), target] -= 1
    gx *= g / len(gx)
    return gx


def _cross_entropy_gradient_of_ops(xp: Any, g: Array, x: Array, target: Array) -> Array:
    hits = xp.arange(x.shape[1]) == target[:, None]
    return (xp.softmax(x, axis=1) - hits.astype(x.dtype)) * (g / len(x))


cross_entropy = op(
    "cross_entropy(x, target) -> y, _softmax",
    shape=_classes,
    forward=_cross_entropy,
    grads={"x": _cross_entropy_gradient, "target": None},
    again={"x": _cross_entropy_gradient_of_ops, "target": None},
    kernel="cross_entropy",
    samples=(
        Sample(normal(5, 3), integers(3, 5)),
        Sample(normal(1, 10), integers(10, 1)),
        Sample(1e3 * normal(4, 6), integers(6, 4)),
    ),
)


def _same(x: Shape, target: Shape) -> Shape:
    if x != target:
        raise ShapeError(
            f"input {x}, target {target}; allowed: equal shapes (broadcasting a target would "
            "average over pairs that do not belong together)"
        )
    return ()


mse_loss = op(
    "mse_loss(x, target) -> y",
    shape=_same,
    forward=lambda xp, x, target, y: xp.mean(xp.square(x - target), out=y),
    grads={
        "x": lambda xp, g, x, target: (x - target) * (2 * g / x.size),
        "target": lambda xp, g, x, target: (target - x) * (2 * g / x.size),
    },
    samples=(
        Sample(normal(3, 4), normal(3, 4)),
        Sample(normal(5), normal(5)),
        Sample(1e4 * normal(2, 3), normal(2, 3)),
    ),
)
