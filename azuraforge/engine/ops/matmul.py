"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.errors import ShapeError


def _product(a: Shape, b: Shape) -> Shape:
    if not a or not b:
        raise ShapeError(f"operands need at least one dimension, got {a} @ {b}")
    rows, columns = (a[:-1] if len(a) == 1 else a[-2:-1]), b[-1:]
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        hint = "; did you mean b.T?" if len(b) == 2 and a[-1] == b[-1] else ""
        raise ShapeError(f"inner sizes differ, {a} @ {b}{hint}")
    if len(a) == 1 or len(b) == 1:
        rows = a[:-1] if len(b) == 1 else ()
        return rows if len(b) == 1 else (*b[:-2], *columns)
    return (*np.broadcast_shapes(a[:-2], b[:-2]), *rows, *columns)


def _matrix(x: Array, x_shape: Shape, axis: int) -> Array:
    """A vector operand as the matrix it stands for."""
    return x if len(x_shape) > 1 else x[..., None] if axis else x[None]


def _left(xp: Any, g: Array, b: Array, a_shape: Shape, b_shape: Shape) -> Array:
    g = g[..., None] if len(b_shape) == 1 else g
    g = g[..., None, :] if len(a_shape) == 1 else g
    ga = g @ _matrix(b, b_shape, 1).swapaxes(-1, -2)
    return ga[..., 0, :] if len(a_shape) == 1 else ga


def _right(xp: Any, g: Array, a: Array, a_shape: Shape, b_shape: Shape) -> Array:
    g = g[..., None] if len(b_shape) == 1 else g
    g = g[..., None, :] if len(a_shape) == 1 else g
    gb = _matrix(a, a_shape, 0).swapaxes(-1, -2) @ g
    return gb[..., 0] if len(b_shape) == 1 else gb


matmul = op(
    "matmul(a, b) -> y",
    shape=_product,
    forward=lambda xp, a, b, y: xp.matmul(a, b, out=y),
    grads={"a": _left, "b": _right},
    is_holomorphic=True,
    kernel="matmul",
    samples=(
        Sample(normal(3, 4), normal(4, 5)),
        Sample(normal(64, 64), normal(64, 64)),  # large enough for the kernel
        Sample(normal(2, 3, 4), normal(4, 5)),
        Sample(normal(2, 1, 3, 4), normal(5, 4, 2)),
        Sample(normal(4), normal(4, 5)),
        Sample(normal(3, 4), normal(4)),
        Sample(normal(2, 3, 4), normal(4)),
        Sample(normal(4), normal(4)),
        Sample(1e4 * normal(3, 4), normal(4, 5)),
        Sample(normal(0, 4), normal(4, 5)),
    ),
)


def _linear(x: Shape, w: Shape, b: Shape) -> Shape:
    if not x or len(w) != 2 or x[-1] != w[1] or b != w[:1]:
        raise ShapeError(
            f"input {x}, weight {w}, bias {b}; allowed: (…, in), (out, in), (out,), "
            f"here in = {w[-1] if w else '?'}"
        )
    return (*x[:-1], w[0])


def _linear_forward(xp: Any, x: Array, w: Array, b: Array, y: Array) -> None:
    xp.matmul(x, w.T, out=y)
    y += b


linear = op(
    "linear(x, w, b) -> y",
    shape=_linear,
    forward=_linear_forward,
    grads={
        "x": lambda xp, g, w: g @ w,
        "w": lambda xp, g, x: g.reshape(-1, g.shape[-1]).T @ x.reshape(-1, x.shape[-1]),
        "b": lambda xp, g: g.reshape(-1, g.shape[-1]).sum(0),
    },
    is_holomorphic=True,
    kernel="linear",
    samples=(
        Sample(normal(3, 4), normal(5, 4), normal(5)),
        Sample(normal(2, 3, 4), normal(5, 4), normal(5)),
        Sample(normal(4), normal(5, 4), normal(5)),
        Sample(1e4 * normal(3, 4), normal(5, 4), 1e4 * normal(5)),
    ),
)
