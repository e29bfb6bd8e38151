"""Ops that arrange, choose and join elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.emit.table import emits
from azuraforge.interop.onnx.writer import Slot, Writer, element_type


def whole(numbers: Any) -> np.ndarray[Any, Any]:
    """Sizes, axes or places as ONNX wants them."""
    return np.asarray(numbers, np.int64)


@emits("reshape")
def reshape(to: Writer, x: Slot, *, shape: Any, _y: Array) -> Slot:
    return shaped(to, x, _y.shape)


def shaped(to: Writer, x: Slot, shape: Any) -> Slot:
    """x in another shape, in which a size of 0 means 0."""
    return to("Reshape", x, whole(shape), allowzero=int(0 in shape))


@emits("permute")
def permute(to: Writer, x: Slot, *, dims: Any) -> Slot:
    order = [int(d) % x.ndim for d in dims]
    return to("Transpose", x, perm=order) if order else to("Identity", x)


@emits("expand")
def expand(to: Writer, x: Slot, *, shape: Any, _y: Array) -> Slot:
    return to("Expand", x, whole(_y.shape))


@emits("clone")
def clone(to: Writer, x: Slot) -> Slot:
    return to("Identity", x)


@emits("cast")
def cast(to: Writer, x: Slot, *, dtype: Any, _y: Array) -> Slot:
    return to("Cast", x, to=element_type(_y.dtype))


@emits("cat")
def cat(to: Writer, *xs: Slot, axis: int, _y: Array) -> Slot:
    return to("Concat", *(to.cast(x, _y.dtype) for x in xs), axis=axis)


@emits("stack")
def stack(to: Writer, *xs: Slot, axis: int, _y: Array) -> Slot:
    new = whole([axis % _y.ndim])
    parts = [to("Unsqueeze", to.cast(x, _y.dtype), new) for x in xs]
    return to("Concat", *parts, axis=axis % _y.ndim)


@emits("flip")
def flip(to: Writer, x: Slot, *, axes: Any) -> Slot:
    over = [axes] if isinstance(axes, int) else list(axes)
    most = np.iinfo(np.int64).min
    return to(
        "Slice", x, whole([-1] * len(over)), whole([most] * len(over)), whole(over),
        whole([-1] * len(over)),
    )  # fmt: skip


@emits("roll")
def roll(to: Writer, x: Slot, *, shifts: Any, axes: Any) -> Slot:
    pairs = zip(np.atleast_1d(shifts), np.atleast_1d(axes), strict=True)
    for shift, axis in pairs:
        places = np.roll(np.arange(x.shape[axis]), shift)
        made = to("Gather", x, whole(places), axis=int(axis))
        x = Slot(made.name, x.shape, x.dtype)
    return x


@emits("pad")
def pad(to: Writer, x: Slot, *, widths: Any, value: float) -> Slot:
    pads = [before for before, _ in widths] + [after for _, after in widths]
    return to("Pad", x, whole(pads), to.constant(value, x.dtype))


@emits("gather")
def gather(to: Writer, x: Slot, index: Slot, *, axis: int) -> Slot:
    return to("GatherElements", x, index, axis=axis)


@emits("scatter")
def scatter(to: Writer, x: Slot, index: Slot, src: Slot, *, axis: int) -> Slot:
    return to("ScatterElements", x, index, src, axis=axis)


@emits("embedding")
def embedding(to: Writer, w: Slot, index: Slot) -> Slot:
    return to("Gather", w, index, axis=0)


@emits("getitem")
def getitem(to: Writer, x: Slot, *, index: Any, _y: Array) -> Slot:
    """Slices by Slice, one array by Gather; all else from the flat x, if the places are known."""
    parts = _spelled(index if isinstance(index, tuple) else (index,), x.ndim)
    kept = [part for part in parts if part is not None]
    arrays = [i for i, part in enumerate(kept) if not isinstance(part, slice | int)]
    is_simple = len(arrays) <= 1 and not any(_is_mask(kept[i]) for i in arrays)
    if arrays and not (is_simple and not any(isinstance(part, int) for part in kept)):
        flat = to("Reshape", x, whole([-1]))
        return shaped(to, to("Gather", flat, _in_flat(to, x, index)), _y.shape)
    y = _sliced(to, x, kept)
    if arrays:
        y = to("Gather", y, _places(to, kept[arrays[0]]), axis=arrays[0])
    return shaped(to, y, _y.shape)


@emits("index_put")
def index_put(to: Writer, x: Slot, v: Slot, *, index: Any, accumulate: bool, _y: Array) -> Slot:
    places = _in_flat(to, x, index)
    values = to("Expand", to.cast(v, x.dtype), whole(places.shape))
    flat = to(
        "ScatterElements", to("Reshape", x, whole([-1])), places.reshape(-1),
        to("Reshape", values, whole([-1])), reduction="add" if accumulate else "none",
    )  # fmt: skip
    return shaped(to, flat, _y.shape)


@emits("spread")
def spread(to: Writer, x: Slot, index: Slot, *, axis: int, shape: Any) -> Slot:
    zeros = to.constant(np.zeros(shape, x.dtype))
    part = x
    for i, n in enumerate(index.shape):  # only as much of x as there are indices
        if n != x.shape[i]:
            part = to("Slice", part, whole([0]), whole([n]), whole([i]))
    return to("ScatterElements", zeros, index, part, axis=axis, reduction="add")


def _in_flat(to: Writer, x: Slot, index: Any) -> Array:
    """Where in the flat x an index leads. Raises: ConfigError if the model works it out."""
    for part in index if isinstance(index, tuple) else (index,):
        if to.knows(part):
            raise ConfigError(
                "has places, or a mask, that the model works out; allowed: known ones"
            )
    return np.arange(np.prod(x.shape)).reshape(x.shape)[index]


def _spelled(parts: tuple[Any, ...], ndim: int) -> list[Any]:
    """The index with a part for every axis; `...` written out."""
    used = sum(part is not None and part is not Ellipsis for part in parts)
    rest = [slice(None)] * (ndim - used)
    found: list[Any] = []
    for part in parts:
        if part is Ellipsis:
            found += rest
            rest = []
        else:
            found.append(int(part) if isinstance(part, np.integer) else part)
    return found + rest


def _is_mask(part: Any) -> bool:
    return isinstance(part, bool | np.bool_) or np.asarray(part).dtype.kind == "b"


def _sliced(to: Writer, x: Slot, parts: list[Any]) -> Slot:
    """The slices; a number as a slice of one element, whose axis the shape of the result drops."""
    rows = []
    for axis, part in enumerate(parts):
        if isinstance(part, int):
            at = part % x.shape[axis]
            rows.append((at, at + 1, axis, 1))
        elif isinstance(part, slice) and part != slice(None):
            start, stop, step = part.indices(x.shape[axis])
            end = stop if stop >= 0 else np.iinfo(np.int64).min
            rows.append((start, end, axis, step))
    if not rows:
        return x
    return to("Slice", x, *(whole(column) for column in zip(*rows, strict=True)))


def _places(to: Writer, part: Any) -> Slot:
    return to.of(part) if hasattr(part, "dtype") else to.constant(whole(part))
