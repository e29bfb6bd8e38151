"""Reductions over axes."""

from __future__ import annotations

import math
from builtins import any as _some
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, distinct, normal
from azuraforge.errors import ShapeError

Axis = int | tuple[int, ...] | None


def _axes(x: Shape, axis: Axis) -> tuple[int, ...]:
    if not x and axis in (0, -1):
        return ()  # a number counts as having one axis
    given = range(len(x)) if axis is None else (axis,) if isinstance(axis, int) else axis
    if _some(not -len(x) <= a < len(x) for a in given):
        raise ShapeError(f"dim {axis} of shape {x}; allowed: {-len(x)} to {len(x) - 1}")
    found = tuple(a % len(x) for a in given)
    if len(set(found)) < len(found):
        raise ShapeError(f"dim {axis} of shape {x} names an axis twice")
    return found


def _reduced(x: Shape, axis: Axis, keepdims: bool) -> Shape:
    axes = _axes(x, axis)
    kept = (1 if i in axes else n for i, n in enumerate(x))
    return tuple(n for i, n in enumerate(kept) if keepdims or i not in axes)


def _filled(x: Shape, axis: Axis, keepdims: bool) -> Shape:
    """As _reduced, for a reduction that has no value over no numbers."""
    if _some(x[a] == 0 for a in _axes(x, axis)):
        raise ShapeError(f"there is nothing to reduce along dim {axis} of shape {x}")
    return _reduced(x, axis, keepdims)


def _keep(g: Array, x_shape: Shape, axis: Axis) -> Array:
    """`g` with the reduced axes back as ones, so that it broadcasts over x."""
    return g.reshape(_reduced(x_shape, axis, keepdims=True))


def _max_gradient(xp: Any, g: Array, x: Array, y: Array, axis: Axis) -> Array:
    hits = x == _keep(y, x.shape, axis)
    ties = hits.sum(_axes(x.shape, axis), keepdims=True)
    return xp.where(hits, _keep(g, x.shape, axis) / ties.astype(g.dtype), 0)


_SAMPLES = (
    Sample(normal(3, 4)),
    Sample(normal(2, 3, 4), axis=1),
    Sample(normal(2, 3, 4), axis=(0, -1), keepdims=True),
    Sample(1e4 * normal(3, 4), axis=0),
    Sample(normal()),
)

sum = op(
    "sum(x, *, axis=None, keepdims=False) -> y",
    shape=_reduced,
    forward=lambda xp, x, y, axis, keepdims: xp.sum(x, axis, out=y, keepdims=keepdims),
    grads={
        "x": lambda xp, g, x_shape, axis: xp.broadcast_to(_keep(g, x_shape, axis), x_shape),
    },
    dtypes={"y": lambda common: common if common.kind in "fc" else "int64"},  # truth values count
    samples=(*_SAMPLES, Sample(normal(), axis=-1)),
)

mean = op(
    "mean(x, *, axis=None, keepdims=False) -> y",
    shape=_filled,
    forward=lambda xp, x, y, axis, keepdims: xp.mean(x, axis, out=y, keepdims=keepdims),
    grads={
        "x": lambda xp, g, x_shape, y_shape, axis: xp.broadcast_to(
            _keep(g, x_shape, axis) / (math.prod(x_shape) // max(math.prod(y_shape), 1)), x_shape
        ),
    },
    samples=_SAMPLES,
)

amax = op(
    "amax(x, *, axis=None, keepdims=False) -> y",
    shape=_filled,
    forward=lambda xp, x, y, axis, keepdims: xp.amax(x, axis, out=y, keepdims=keepdims),
    grads={"x": _max_gradient},
    samples=(
        Sample(distinct(3, 4)),
        Sample(distinct(2, 3, 4), axis=1),
        Sample(1e4 * distinct(3, 4), axis=(0, -1), keepdims=True),
    ),
)

amin = op(
    "amin(x, *, axis=None, keepdims=False) -> y",
    shape=_filled,
    forward=lambda xp, x, y, axis, keepdims: xp.amin(x, axis, out=y, keepdims=keepdims),
    grads={"x": _max_gradient},
    samples=(
        Sample(distinct(3, 4)),
        Sample(distinct(2, 3, 4), axis=1),
        Sample(1e4 * distinct(3, 4), axis=(0, -1), keepdims=True),
    ),
)

logsumexp = op(
    "logsumexp(x, *, axis, keepdims=False) -> y",
    shape=_filled,
    forward=lambda xp, x, y, axis, keepdims: _logsumexp(xp, x, y, axis),
    grads={
        "x": lambda xp, g, x, y, axis: (
            _keep(g, x.shape, axis) * xp.exp(x - _keep(y, x.shape, axis))
        ),
    },
    samples=(
        Sample(normal(3, 4), axis=1),
        Sample(normal(2, 3, 4), axis=(0, 2), keepdims=True),
        Sample(1e4 * normal(3, 4), axis=0),
    ),
)


def _logsumexp(xp: Any, x: Array, y: Array, axis: Axis) -> None:
    """The largest value is taken out first, so that exp cannot overflow."""
    top = xp.amax(x, axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0)
    total = xp.log(xp.exp(x - top).sum(axis, keepdims=True)) + top
    xp.copyto(y, total.reshape(y.shape))


_PLACES: dict[str, Any] = {
    "shape": lambda x, axis: _filled(x, axis, False),
    "grads": {"x": None},
    "dtypes": {"y": lambda: "int64"},
    "samples": (Sample(distinct(3, 4)), Sample(distinct(2, 3, 4), axis=1)),
}

argmax = op(
    "argmax(x, *, axis=None) -> y",
    forward=lambda xp, x, y, axis: xp.copyto(y, xp.argmax(x, axis)),
    **_PLACES,
)

argmin = op(
    "argmin(x, *, axis=None) -> y",
    forward=lambda xp, x, y, axis: xp.copyto(y, xp.argmin(x, axis)),
    **_PLACES,
)

_TRUTHS: dict[str, Any] = {
    "shape": _reduced,
    "grads": {"x": None},
    "dtypes": {"y": lambda: "bool"},
    "samples": _SAMPLES,
}

all = op(
    "all(x, *, axis=None, keepdims=False) -> y",
    forward=lambda xp, x, y, axis, keepdims: xp.copyto(y, xp.all(x, axis, keepdims=keepdims)),
    **_TRUTHS,
)

any = op(
    "any(x, *, axis=None, keepdims=False) -> y",
    forward=lambda xp, x, y, axis, keepdims: xp.copyto(y, xp.any(x, axis, keepdims=keepdims)),
    **_TRUTHS,
)
