"""Losses: means over samples, and by formula."""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import elementwise, op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, fixed, integers, normal
from azuraforge.errors import ShapeError


def _classes(x: Shape, target: Shape) -> tuple[Shape, Shape]:
    if len(x) != 2 or target != x[:1] or not x[0]:
        raise ShapeError(f"input {x}, target {target}; allowed: (batch, classes), (batch,)")
    return (), x


def _cross_entropy(
    xp: Any, x: Array, target: Array, y: Array, _softmax: Array, ignore_index: int
) -> None:
    counts = target != ignore_index
    own = target[counts]
    check_classes(own, x.shape[1])
    xp.subtract(x, x.max(1, keepdims=True), out=_softmax)
    hits = _softmax[counts, own]
    xp.exp(_softmax, out=_softmax)
    total = _softmax.sum(1, keepdims=True)
    _softmax /= total
    y[...] = (xp.log(total[counts, 0]) - hits).sum() / len(own) if len(own) else xp.nan


def check_classes(target: Array, classes: int) -> None:
    """Raise ShapeError unless the targets are classes."""
    if target.dtype.kind not in "iu" or (
        target.size and (int(target.min()) < 0 or int(target.max()) >= classes)
    ):
        held = f"{target.min()} to {target.max()}" if target.size else "nothing"
        raise ShapeError(
            f"target holds {held} as {target.dtype}; allowed: whole numbers 0 to {classes - 1}"
        )


def _cross_entropy_gradient(
    xp: Any, g: Array, target: Array, _softmax: Array, ignore_index: int
) -> Array:
    gx, counts = _softmax.copy(), target != ignore_index
    gx[counts, target[counts]] -= 1
    gx *= g / max(int(counts.sum()), 1)
    gx[~counts] = 0
    return gx


def _cross_entropy_gradient_of_ops(
    xp: Any, g: Array, x: Array, target: Array, ignore_index: int
) -> Array:
    hits = (xp.arange(x.shape[1]) == target[:, None]).astype(x.dtype)
    counts = (target != ignore_index).astype(x.dtype)
    total = max(int(counts.sum()), 1)
    return (xp.softmax(x, axis=1) - hits) * counts[:, None] * (g / total)


cross_entropy = op(
    "cross_entropy(x, target, *, ignore_index=-100) -> y, _softmax",
    shape=_classes,
    forward=_cross_entropy,
    grads={"x": _cross_entropy_gradient, "target": None},
    again={"x": _cross_entropy_gradient_of_ops, "target": None},
    kernel="cross_entropy",
    samples=(
        Sample(normal(5, 3), integers(3, 5)),
        Sample(normal(1, 10), integers(10, 1)),
        Sample(1e3 * normal(4, 6), integers(6, 4)),
        Sample(normal(5, 3), fixed([0, -100, 2, -100, 1])),
        Sample(normal(4, 3), fixed([1, 2, 1, 0]), ignore_index=1),
    ),
)

# the logarithms end at -100, so that a share of 0 costs something finite
binary_cross_entropy = elementwise(
    "binary_cross_entropy(x, t)",
    y="(t - 1) * maximum(log1p(-x), -100) - t * maximum(log(x), -100)",
    x="g * (x - t) / maximum(x * (1 - x), 1e-12)",
    t="g * (maximum(log1p(-x), -100) - maximum(log(x), -100))",
    domain=(0.05, 0.95),
    extremes=(),
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
