"""Ops that give an array with some of its elements changed; the array itself stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.errors import ShapeError

Index = Any  # whatever NumPy takes between brackets


def _shape(x: Shape, v: Shape, index: Index) -> Shape:
    place = np.empty(x, np.bool_)[index].shape
    if len(v) > len(place):
        v = v[len(v) - len(place) :] if set(v[: len(v) - len(place)]) == {1} else v
    if np.broadcast_shapes(place, v) != place:
        raise ShapeError(f"values {v} do not fit into the place {place} of a tensor {x}")
    return x


def _set(xp: Any, x: Array, v: Array, y: Array, index: Index) -> None:
    y[...] = x
    y[index] = v


def _cleared(xp: Any, g: Array, index: Index) -> Array:
    gx = g.copy()
    gx[index] = 0
    return gx


def _added(xp: Any, x: Array, v: Array, y: Array, index: Index) -> None:
    y[...] = x
    extra = max(v.ndim - y[index].ndim, 0)  # ones in front, which an assignment ignores
    xp.add.at(y, index, v.reshape(v.shape[extra:]))


def _fit(gv: Array, v_shape: Shape) -> Array:
    """With the ones that stand in front of values."""
    return gv if len(v_shape) <= gv.ndim else gv.reshape((1,) * (len(v_shape) - gv.ndim) + gv.shape)


_SAMPLES = (
    Sample(normal(3, 4), normal(4), index=1),
    Sample(normal(3, 4), normal(3, 2), index=(slice(None), slice(1, 3))),
    Sample(normal(3, 4), normal(), index=(..., -1)),
    Sample(normal(4, 3), normal(2, 3), index=[2, 0]),
    Sample(normal(2, 3), normal(1, 1, 3), index=0),
)

setitem = op(  # where an index names an element twice, the last value stays
    "setitem(x, v, *, index) -> y",
    shape=_shape,
    forward=_set,
    grads={"x": _cleared, "v": lambda xp, g, v_shape, index: _fit(g[index], v_shape)},
    samples=_SAMPLES,
)

additem = op(  # and here all that it names are added
    "additem(x, v, *, index) -> y",
    shape=_shape,
    forward=_added,
    grads={
        "x": lambda xp, g: g,
        "v": lambda xp, g, v_shape, index: _fit(g[index], v_shape),
    },
    samples=(*_SAMPLES, Sample(normal(4, 3), normal(3, 3), index=[0, 2, 0])),
)
