"""Places of elements in order; the elements themselves are gathered from there."""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, distinct, fixed
from azuraforge.engine.ops.scan import along
from azuraforge.errors import ShapeError


def _argsort(xp: Any, x: Array, y: Array, axis: int, descending: bool) -> None:
    """Equal elements stay in their order, either way; NaN counts as largest."""
    if not descending:
        xp.copyto(y, xp.argsort(x, axis, kind="stable"))
        return
    turned = xp.flip(x, axis)
    places = xp.flip(xp.argsort(turned, axis, kind="stable"), axis)
    xp.subtract(x.shape[axis] - 1, places, out=y)


argsort = op(
    "argsort(x, *, axis=-1, descending=False) -> y",
    shape=along,
    forward=_argsort,
    grads={"x": None},
    dtypes={"y": lambda: "int64"},
    samples=(
        Sample(distinct(3, 4)),
        Sample(distinct(2, 3, 4), axis=1, descending=True),
        Sample(fixed([2.0, 1.0, 2.0, 1.0]), descending=True),
    ),
)


def _one_place(x: Shape, axis: int) -> Shape:
    along(x, axis)
    axis %= len(x)
    if not x[axis]:
        raise ShapeError(f"there is nothing along dim {axis} of shape {x}")
    return (*x[:axis], *x[axis + 1 :])


def _mode(xp: Any, x: Array, y: Array, axis: int) -> None:
    """The last place of the smallest among the most frequent elements."""
    rows = xp.moveaxis(x, axis, -1)
    hits = rows[..., :, None] == rows[..., None, :]
    counts = hits.sum(-1)
    is_most = counts == counts.max(-1, keepdims=True)
    high = xp.where(is_most, rows, rows.max(-1, keepdims=True))
    value = high.min(-1, keepdims=True)
    last = rows.shape[-1] - 1 - xp.argmax((rows == value)[..., ::-1], -1)
    xp.copyto(y, last)


mode_place = op(
    "mode_place(x, *, axis) -> y",
    shape=_one_place,
    forward=_mode,
    grads={"x": None},
    dtypes={"y": lambda: "int64"},
    samples=(
        Sample(distinct(3, 4), axis=1),
        Sample(fixed([[1.0, 2.0, 2.0, 1.0], [3.0, 3.0, 3.0, 0.0]]), axis=-1),
    ),
)
