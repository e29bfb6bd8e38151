"""Ops that move elements without changing them; where they can, they give views."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, device_of, put
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.errors import ShapeError

MOST_ROUNDS = 8  # sums, of elements that are named as often; more of them are no gain


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
    if not any(isinstance(part, np.ndarray | list) or hasattr(part, "get") for part in parts):
        sum_x[index] += g
    elif xp is np and _is_one_row(parts):
        _scatter_by_rounds(g, sum_x, parts)
    else:
        xp.add.at(sum_x, index, g)  # an element may be named twice


def _is_one_row(parts: tuple[Any, ...]) -> bool:
    """Whether an index takes all of some axes, and then places of the next, few of them often."""
    *before, last = parts
    whole = all(isinstance(part, slice) and part == slice(None) for part in before)
    if not (whole and isinstance(last, np.ndarray) and last.ndim == 1 and last.dtype.kind == "i"):
        return False
    return last.size > 0 and last.min() >= 0 and np.bincount(last).max() <= MOST_ROUNDS


def _scatter_by_rounds(g: Array, sum_x: Array, parts: tuple[Any, ...]) -> None:
    """Each place once in a round, which can be one sum: 8 times faster than add.at."""
    *before, places = parts
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    round_of = np.empty(len(places), np.int64)
    round_of[order] = np.arange(len(places)) - np.searchsorted(ranked, ranked)
    for number in range(int(round_of.max()) + 1):
        now = np.flatnonzero(round_of == number)
        sum_x[(*before, places[now])] += g[(*before, now)]


def _part(xp: Any, x: Array, index: Any) -> Array:
    y = x[index]
    if isinstance(y, np.generic):  # a number by itself; a view of it is asked for
        y = x[(*index, ...)] if isinstance(index, tuple) else x[index, ...]
    return y


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
    forward=_part,
    grads={"x": _scatter},
    is_view=True,
    samples=(
        Sample(normal(3, 4), index=1),
        Sample(normal(3, 4), index=(slice(None), slice(1, 3))),
        Sample(normal(3, 4), index=(..., -1)),
        Sample(normal(4, 3), index=[0, 2, 0]),
        Sample(normal(2, 4, 3), index=(slice(None), np.array([3, 0, 3, 1, 3]))),
    ),
)


def _expanded(x: Shape, shape: Shape) -> Shape:
    new = len(shape) - len(x)
    if new < 0:
        raise ShapeError(f"{x} cannot be expanded to {shape}, which has fewer dimensions")
    sizes = tuple(x[i - new] if n == -1 and i >= new else n for i, n in enumerate(shape))
    if any(n < 0 for n in sizes) or any(
        m not in (1, n) for m, n in zip(x, sizes[new:], strict=True)
    ):
        raise ShapeError(f"{x} cannot be expanded to {shape}; sizes of 1 alone can change")
    return sizes


expand = op(
    "expand(x, *, shape) -> y",
    shape=_expanded,
    forward=lambda xp, x, shape: xp.broadcast_to(x, _expanded(x.shape, shape)),
    grads={"x": lambda xp, g: g},  # summed over what was repeated on arrival
    is_view=True,
    samples=(
        Sample(normal(3, 1), shape=(3, 4)),
        Sample(normal(3, 1), shape=(2, -1, 4)),
        Sample(normal(), shape=(2, 3)),
    ),
)


flip: Op = op(
    "flip(x, *, axes) -> y",
    shape=lambda x, axes: x,
    forward=lambda xp, x, axes: xp.flip(x, axes),
    grads={"x": lambda xp, g, axes: flip(g, axes=axes)},
    is_view=True,
    samples=(Sample(normal(3, 4), axes=(0,)), Sample(normal(2, 3, 4), axes=(0, -1))),
)

roll: Op = op(
    "roll(x, *, shifts, axes) -> y",
    shape=lambda x: x,
    forward=lambda xp, x, y, shifts, axes: xp.copyto(y, xp.roll(x, shifts, axes)),
    grads={"x": lambda xp, g, shifts, axes: roll(g, shifts=tuple(-n for n in shifts), axes=axes)},
    samples=(
        Sample(normal(3, 4), shifts=(1,), axes=(0,)),
        Sample(normal(2, 3, 4), shifts=(1, -2), axes=(0, -1)),
    ),
)


def _pad(xp: Any, x: Array, y: Array, widths: Any, value: float) -> None:
    y[...] = value
    y[_inner(x.shape, widths)] = x


pad = op(
    "pad(x, *, widths, value=0.0) -> y",
    shape=lambda x, widths: tuple(n + a + b for n, (a, b) in zip(x, widths, strict=True)),
    forward=_pad,
    grads={"x": lambda xp, g, x_shape, widths: getitem(g, index=_inner(x_shape, widths))},
    samples=(
        Sample(normal(3, 4), widths=((1, 0), (2, 1))),
        Sample(normal(2, 3), widths=((0, 0), (1, 1)), value=7.0),
    ),
)


def _inner(x: Shape, widths: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    """Where the operand lies in the padded array."""
    return tuple(slice(a, a + n) for n, (a, _) in zip(x, widths, strict=True))


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
    again={"x": lambda xp, g, x: xp.to_device(g, device=device_of(x.data))},
    is_view=True,
    samples=(Sample(normal(3, 4), device="cpu"),),
)


def _joined(xs: tuple[Shape, ...], axis: int) -> Shape:
    first = xs[0]
    if not -len(first) <= axis < len(first):
        raise ShapeError(f"dim {axis} of shapes {xs}; allowed: {-len(first)} to {len(first) - 1}")
    axis %= len(first)
    rest = {(*x[:axis], *x[axis + 1 :]) for x in xs}
    if len(rest) > 1:
        raise ShapeError(f"shapes {xs} differ outside dim {axis}")
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


clone = op(
    "clone(x) -> y",
    shape=lambda x: x,
    forward=lambda xp, x, y: xp.copyto(y, x),
    grads={"x": lambda xp, g: g},
    samples=(Sample(normal(3, 4)), Sample(normal())),
)
