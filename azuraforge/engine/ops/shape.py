"""Ops that move elements without changing them; where they can, they give views."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, device_of, put
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.errors import ShapeError


def _reshaped(x: Shape, shape: Shape) -> Shape:
    known = math.prod(n for n in shape if n != -1)
    size = math.prod(x)
    if -1 not in shape:
        fits = known == size
    else:
        fits = shape.count(-1) == 1 and known > 0 and size % known == 0
    if not fits or any(n < -1 for n in shape):
        raise ShapeError(f"{x} holds {size} elements, which do not fit into {shape}")
    return tuple(size // known if n == -1 else n for n in shape)


def _scatter(xp: Any, g: Array, sum_x: Array, index: Any) -> None:
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, np.ndarray | list) or hasattr(part, "get") for part in parts):
        xp.add.at(sum_x, index, g)  # an element may be named twice
    else:
        sum_x[index] += g


reshape = op(
    "reshape(x, *, shape) -> y",
    shape=_reshaped,
    forward=lambda xp, x, shape: x.reshape(_reshaped(x.shape, shape)),
    grads={"x": lambda xp, g, x_shape: g.reshape(x_shape)},
    is_view=True,
    samples=(Sample(normal(3, 4), shape=(2, 6)), Sample(normal(2, 3, 4), shape=(-1, 4))),
)

permute = op(
    "permute(x, *, dims) -> y",
    shape=lambda x, dims: tuple(x[d] for d in dims),
    forward=lambda xp, x, dims: x.transpose(dims),
    grads={"x": lambda xp, g, dims: g.transpose(tuple(np.argsort([d % len(dims) for d in dims])))},
    is_view=True,
    samples=(Sample(normal(2, 3, 4), dims=(2, 0, 1)), Sample(normal(2, 3), dims=(-1, 0))),
)

getitem = op(
    "getitem(x, *, index) -> y",
    shape=lambda x, index: np.empty(x, np.bool_)[index].shape,
    forward=lambda xp, x, index: x[index],
    grads={"x": _scatter},
    is_view=True,
    samples=(
        Sample(normal(3, 4), index=1),
        Sample(normal(3, 4), index=(slice(None), slice(1, 3))),
        Sample(normal(3, 4), index=(..., -1)),
        Sample(normal(4, 3), index=[0, 2, 0]),
    ),
)


cast = op(
    "cast(x, *, dtype) -> y",
    shape=lambda x: x,
    forward=lambda xp, x, dtype: x.astype(dtype),
    grads={"x": lambda xp, g: g},  # brought to x's type on arrival
    is_view=True,
    dtypes={"y": lambda dtype: dtype},
    samples=(Sample(normal(3, 4), dtype="float64"),),
)

to_device = op(
    "to_device(x, *, device) -> y",
    shape=lambda x: x,
    forward=lambda xp, x, device: put(x, device),
    grads={"x": lambda xp, g, x: put(g, device_of(x))},
    is_view=True,
    samples=(Sample(normal(3, 4), device="cpu"),),
)


def _joined(xs: tuple[Shape, ...], axis: int) -> Shape:
    first = xs[0]
    axis %= len(first)
    rest = {(*x[:axis], *x[axis + 1 :]) for x in xs}
    if len(rest) > 1:
        raise ShapeError(f"shapes {xs} differ outside axis {axis}")
    return (*first[:axis], sum(x[axis] for x in xs), *first[axis + 1 :])


def _split(xp: Any, g: Array, xs_shape: tuple[Shape, ...], axis: int) -> list[Array]:
    ends = np.cumsum([x[axis] for x in xs_shape])[:-1]
    return xp.split(g, ends.tolist(), axis)  # type: ignore[no-any-return]


cat = op(
    "cat(*xs, axis=0) -> y",
    shape=_joined,
    forward=lambda xp, xs, y, axis: xp.concatenate(xs, axis, out=y),
    grads={"xs": _split},
    samples=(
        Sample(normal(2, 3), normal(4, 3)),
        Sample(normal(2, 3), normal(2, 1), normal(2, 2), axis=-1),
    ),
)


def _stacked(xs: tuple[Shape, ...], axis: int) -> Shape:
    if len(set(xs)) > 1:
        raise ShapeError(f"shapes {xs} differ")
    axis %= len(xs[0]) + 1
    return (*xs[0][:axis], len(xs), *xs[0][axis:])


stack = op(
    "stack(*xs, axis=0) -> y",
    shape=_stacked,
    forward=lambda xp, xs, y, axis: xp.stack(xs, axis, out=y),
    grads={"xs": lambda xp, g, axis: list(xp.moveaxis(g, axis, 0))},
    samples=(
        Sample(normal(2, 3), normal(2, 3)),
        Sample(normal(2, 3), normal(2, 3), normal(2, 3), axis=-1),
    ),
)
