"""Normalisation to mean 0 and variance 1: over the last axes, or over a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.errors import ShapeError


def _layer_shape(x: Shape, w: Shape, b: Shape) -> tuple[Shape, ...]:
    if not w or not math.prod(w) or x[-len(w) :] != w or b != w:
        raise ShapeError(
            f"input {x}, weight {w}, bias {b}; allowed: weight and bias of the shape of the "
            "input's last axes, which are not empty"
        )
    rows = x[: -len(w)]
    return x, rows, rows


def _layer_forward(
    xp: Any, x: Array, w: Array, b: Array, y: Array, _mean: Array, _rstd: Array, eps: float
) -> None:
    rows, flat = x.reshape(-1, w.size), y.reshape(-1, w.size)
    mean = rows.mean(1, keepdims=True)
    xp.subtract(rows, mean, out=flat)
    rstd = 1 / xp.sqrt((flat * flat).mean(1, keepdims=True) + eps)
    flat *= rstd
    flat *= w.reshape(-1)
    flat += b.reshape(-1)
    _mean[...], _rstd[...] = mean.reshape(_mean.shape), rstd.reshape(_rstd.shape)


def _layer_gradient(
    xp: Any, g: Array, x: Array, w: Array, _mean: Array, _rstd: Array, needs: Sequence[bool]
) -> tuple[Array | None, ...]:
    """With h = (x - mean) rstd and u = g w: gx = rstd (u - mean(u) - h mean(u h))."""
    g_rows, rstd = g.reshape(-1, w.size), _rstd.reshape(-1, 1)
    h = (x.reshape(-1, w.size) - _mean.reshape(-1, 1)) * rstd
    gx = None
    if needs[0]:
        u = g_rows * w.reshape(-1)
        shared = (u * h).mean(1, keepdims=True)
        u -= u.mean(1, keepdims=True)
        u -= h * shared
        u *= rstd
        gx = u.reshape(x.shape)
    h *= g_rows
    return gx, h.sum(0).reshape(w.shape), g_rows.sum(0).reshape(w.shape)


def _layer_gradient_of_ops(
    xp: Any, g: Array, x: Array, w: Array, eps: float, needs: Sequence[bool]
) -> tuple[Array | None, ...]:
    rows = x.reshape(-1, w.size)
    mean = rows.mean(1, keepdims=True)
    centred = rows - mean
    rstd = 1 / xp.sqrt((centred * centred).mean(1, keepdims=True) + eps)
    return _layer_gradient(xp, g, x, w, mean, rstd, needs)


layer_norm = op(
    "layer_norm(x, w, b, *, eps=1e-5) -> y, _mean, _rstd",
    shape=_layer_shape,
    forward=_layer_forward,
    grads={("x", "w", "b"): _layer_gradient},
    again={("x", "w", "b"): _layer_gradient_of_ops},
    kernel="layer_norm",
    samples=(
        Sample(normal(3, 4), normal(4), normal(4)),
        Sample(normal(2, 3, 5), normal(5), normal(5), eps=0.1),
        Sample(normal(2, 3, 4), normal(3, 4), normal(3, 4)),
        Sample(normal(5), normal(5), normal(5)),
        Sample(normal(3, 1), normal(1), normal(1)),  # nothing varies
        Sample(0.0 * normal(2, 4) + 3.0, normal(4), normal(4)),
        Sample(1e4 * normal(3, 4), normal(4), normal(4)),
        Sample(1e-4 * normal(3, 4), normal(4), normal(4)),  # variance far below eps
        Sample(normal(0, 4), normal(4), normal(4)),
    ),
)


def _batch_shape(x: Shape, w: Shape, b: Shape) -> tuple[Shape, ...]:
    if len(x) < 2 or w != x[1:2] or b != w:
        raise ShapeError(
            f"input {x}, weight {w}, bias {b}; allowed: (batch, channels, …), (channels,)"
        )
    if math.prod(x) <= w[0]:
        raise ShapeError(f"input {x} has no two values per channel, whose variance could be taken")
    return x, w, w


def _others(x: Array) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return (0, *range(2, x.ndim))


def _over(channels: Array, x: Array) -> Array:
    """A number per channel, as it broadcasts over x."""
    return channels.reshape(-1, *(1,) * (x.ndim - 2))


def _batch_forward(
    xp: Any, x: Array, w: Array, b: Array, y: Array, mean: Array, var: Array, eps: float
) -> None:
    x.mean(_others(x), out=mean)
    xp.subtract(x, _over(mean, x), out=y)
    (y * y).mean(_others(x), out=var)
    y *= _over(w / xp.sqrt(var + eps), x)
    y += _over(b, x)


def _batch_gradient(
    xp: Any, g: Array, g_mean: Array, g_var: Array, x: Array, w: Array, mean: Array, var: Array,
    eps: float, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    """With c = x - mean and n values: gx = slope g + along c + flat, three numbers per channel."""
    count = x.size // len(w)
    rstd = 1 / xp.sqrt(var + eps)
    centred = x - _over(mean, x)
    gb = g.sum(_others(x))
    gw = (g * centred).sum(_others(x)) * rstd
    if not needs[0]:
        return None, gw, gb
    slope = w * rstd
    along = (2 * g_var - slope * rstd * gw) / count
    flat = (g_mean - slope * gb) / count
    centred *= _over(along, x)
    centred += _over(flat, x)
    centred += g * _over(slope, x)
    return centred, gw, gb


batch_norm = op(
    "batch_norm(x, w, b, *, eps=1e-5) -> y, mean, var",
    shape=_batch_shape,
    forward=_batch_forward,
    grads={("x", "w", "b"): _batch_gradient},
    kernel="batch_norm",
    samples=(
        Sample(normal(5, 3), normal(3), normal(3)),
        Sample(normal(2, 3, 4), normal(3), normal(3), eps=0.1),
        Sample(normal(2, 3, 4, 5), normal(3), normal(3)),
        Sample(normal(1, 2, 3, 1), normal(2), normal(2)),
        Sample(0.0 * normal(4, 2) + 3.0, normal(2), normal(2)),  # nothing varies
        Sample(100.0 * normal(4, 2, 3), normal(2), normal(2)),  # more, and var drowns differences
        Sample(1e-4 * normal(4, 2, 3), normal(2), normal(2)),  # variance far below eps
    ),
)
