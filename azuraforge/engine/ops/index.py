"""Ops that pick elements by number."""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.engine.ops.sample import Sample, fixed, integers, normal
from azuraforge.engine.ops.shape import getitem, pad
from azuraforge.errors import ShapeError


def _rows(xp: Any, w: Array, index: Array, y: Array) -> None:
    if index.size and (int(index.min()) < 0 or int(index.max()) >= len(w)):
        raise ShapeError(
            f"index holds {int(index.min())} to {int(index.max())}; allowed: 0 to {len(w) - 1}"
        )
    xp.take(w, index, axis=0, out=y)


def _rows_gradient(xp: Any, g: Array, index: Array, sum_w: Array) -> None:
    xp.add.at(sum_w, index.reshape(-1), g.reshape(-1, g.shape[-1]))


embedding = op(
    "embedding(w, index) -> y",
    shape=lambda w, index: (*index, w[1]),
    forward=_rows,
    grads={"w": _rows_gradient, "index": None},
    kernel="embedding",
    samples=(
        Sample(normal(5, 3), integers(5, 4)),
        Sample(normal(5, 3), integers(5, 2, 6)),
        Sample(1e4 * normal(5, 3), integers(2, 8)),
    ),
)


def _within(xp: Any, index: Array, size: int) -> None:
    """Raise ShapeError for places outside an axis of this size."""
    if index.dtype.kind not in "iu":
        raise ShapeError(f"index is {index.dtype}; allowed: whole numbers")
    if index.size and (int(index.min()) < 0 or int(index.max()) >= size):
        raise ShapeError(
            f"index holds {int(index.min())} to {int(index.max())}; allowed: 0 to {size - 1}"
        )


def _gathered(x: Shape, index: Shape, axis: int) -> Shape:
    if len(x) != len(index) or not -len(x) <= axis < len(x):
        raise ShapeError(f"input {x}, index {index}, dim {axis}; allowed: as many dimensions")
    axis %= len(x)
    if any(m > n for i, (m, n) in enumerate(zip(index, x, strict=True)) if i != axis):
        raise ShapeError(f"index {index} is larger than the input {x} outside dim {axis}")
    return index


def _corner(index: Shape, axis: int) -> tuple[slice, ...]:
    """The part of an array that an index of this shape reaches."""
    axis %= len(index)
    return tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(index))


def _gather(xp: Any, x: Array, index: Array, y: Array, axis: int) -> None:
    _within(xp, index, x.shape[axis])
    xp.copyto(y, xp.take_along_axis(x[_corner(index.shape, axis)], index, axis))


def _places(xp: Any, index: Array, axis: int) -> tuple[Array, ...]:
    """The index as a full index of every axis."""
    axis %= index.ndim
    found = list(xp.ogrid[tuple(slice(n) for n in index.shape)])
    found[axis] = index
    return tuple(found)


def _spread(xp: Any, x: Array, index: Array, y: Array, axis: int) -> None:
    _within(xp, index, y.shape[axis])
    y[...] = 0
    flat = xp.ravel_multi_index(_places(xp, index, axis), y.shape).reshape(-1)
    own = x[tuple(slice(n) for n in index.shape)]
    xp.add.at(y.reshape(-1), flat, own.reshape(-1))  # 1-d: NumPy is 7 times faster there


def _spread_shape(x: Shape, index: Shape, axis: int, shape: Shape) -> Shape:
    _gathered(shape, index, axis)
    if len(x) != len(index) or any(m > n for m, n in zip(index, x, strict=True)):
        raise ShapeError(f"src {x}, index {index}; allowed: an index no larger than src")
    return shape


gather: Op = op(  # y[i, j] = x[index[i, j], j] along axis 0
    "gather(x, index, *, axis) -> y",
    shape=_gathered,
    forward=_gather,
    grads={
        "x": lambda xp, g, index, axis, x_shape: spread(g, index, axis=axis, shape=x_shape),
        "index": None,
    },
    dtypes={"y": lambda x: x},
    samples=(
        Sample(normal(5, 3), integers(5, 4, 3), axis=0),
        Sample(normal(2, 3, 4), integers(3, 2, 5, 2), axis=1),
        Sample(normal(3, 4), integers(4, 3, 0), axis=-1),
    ),
)

spread: Op = op(  # zeros, to which x[i, j] is added at [index[i, j], j] along axis 0
    "spread(x, index, *, axis, shape) -> y",
    shape=_spread_shape,
    forward=_spread,
    grads={
        "x": lambda xp, g, index, axis, x_shape: _padded(gather(g, index, axis=axis), x_shape),
        "index": None,
    },
    dtypes={"y": lambda x: x},
    samples=(
        Sample(normal(4, 3), integers(5, 4, 3), axis=0, shape=(5, 3)),
        Sample(normal(2, 5, 4), integers(3, 2, 5, 2), axis=1, shape=(2, 3, 4)),
    ),
)


def _padded(x: Any, shape: Shape) -> Any:
    """With zeros after the elements of each axis, up to a shape."""
    if x.shape == shape:
        return x
    return pad(x, widths=tuple((0, n - m) for m, n in zip(x.shape, shape, strict=True)))


def _scatter(xp: Any, x: Array, index: Array, src: Array, y: Array, axis: int) -> None:
    _within(xp, index, x.shape[axis])
    y[...] = x
    own = src[tuple(slice(n) for n in index.shape)] if getattr(src, "ndim", 0) else src
    y[_places(xp, index, axis)] = own


def _scatter_shape(x: Shape, index: Shape, src: Shape, axis: int) -> Shape:
    return _spread_shape(src or index, index, axis, x)


scatter: Op = op(  # x, but src[i, j] at [index[i, j], j] along axis 0
    "scatter(x, index, src, *, axis) -> y",
    shape=_scatter_shape,
    forward=_scatter,
    grads={
        "x": lambda xp, g, index, axis: scatter(g, index, 0.0, axis=axis),
        "index": None,
        "src": lambda xp, g, index, axis, src_shape: _padded(
            gather(g, index, axis=axis), src_shape or index.shape
        ),
    },
    dtypes={"y": lambda x: x},
    samples=(
        Sample(normal(5, 3), fixed([[0, 1, 2], [3, 2, 0]]), normal(2, 3), axis=0),
        Sample(normal(3, 4), fixed([[1], [0]]), normal(2, 2), axis=1),
        Sample(normal(3, 4), fixed([[1], [0]]), normal(), axis=1),
    ),
)


def _put(xp: Any, x: Array, v: Array, y: Array, index: Any, accumulate: bool) -> None:
    y[...] = x
    if accumulate:
        xp.add.at(y, index, v)
    else:
        y[index] = v


index_put: Op = op(  # x, but v at x[index], or added there
    "index_put(x, v, *, index, accumulate=False) -> y",
    shape=lambda x: x,
    forward=_put,
    grads={
        "x": lambda xp, g, index, accumulate: g if accumulate else index_put(g, 0.0, index=index),
        "v": lambda xp, g, index: getitem(g, index=index),
    },
    dtypes={"y": lambda x: x},
    samples=(
        Sample(normal(4, 3), normal(3), index=1),
        Sample(normal(4, 3), normal(4, 2), index=(slice(None), slice(1, 3))),
        Sample(normal(4, 3), normal(3, 3), index=([0, 2, 0],), accumulate=True),
        Sample(normal(4, 3), normal(), index=([0, 2],)),
    ),
)
