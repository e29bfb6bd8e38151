"""Tensors taken apart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import (
    alias,
    axis_of,
    function,
)
from azuraforge.engine.functions.permute import movedim
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import DTypeError, ShapeError


def _piece(x: Tensor, axis: int, begin: int, end: int) -> Tensor:
    return getitem(x, index=(*(slice(None),) * axis, slice(begin, end)))


def _cut(x: Tensor, ends: Sequence[int], axis: int) -> tuple[Tensor, ...]:
    """Pieces that end at these places."""
    begins = (0, *ends[:-1])
    return tuple(_piece(x, axis, a, max(a, b)) for a, b in zip(begins, ends, strict=True))


@function("split")
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of equal size, the last perhaps smaller; or of the sizes given."""
    axis = axis_of(dim, tensor.ndim)
    if not tensor.ndim:
        raise ShapeError("tensor has shape (); allowed: at least one dimension")
    size = tensor.shape[axis]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        if step < 0 or (step == 0 and size):
            raise ShapeError(f"split_size is {step}; allowed: at least 1")
        ends = [min(size, i + step) for i in range(0, size, step or 1)] or [size]
    else:
        sections = list(split_size_or_sections)
        if sum(sections) != size or any(n < 0 for n in sections):
            raise ShapeError(f"sections {sections} of dim {dim}, whose size is {size}")
        ends = list(itertools.accumulate(sections))
    return _cut(tensor, ends, axis)


alias("unsafe_split", "split_with_sizes", "split_with_sizes_copy", of="split")


@function("chunk")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of one size."""
    if chunks < 1:
        raise ShapeError(f"chunks is {chunks}; allowed: at least 1")
    axis = axis_of(dim, input.ndim)
    size = input.shape[axis]
    step = -(-size // chunks)
    if not step:
        return tuple(_piece(input, axis, 0, 0) for _ in range(chunks))
    return split(input, step, dim)


alias("unsafe_chunk", of="chunk")


@function("tensor_split")
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """As many pieces of almost one size; or pieces that end at the places given."""
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    axis = axis_of(dim, input.ndim)
    size = input.shape[axis]
    given = indices_or_sections
    if isinstance(given, Tensor):
        read("tensor_split")
        given = given.data.tolist()
    if isinstance(given, int):
        if given < 1:
            raise ShapeError(f"sections is {given}; allowed: at least 1")
        each, more = divmod(size, given)
        ends = list(itertools.accumulate(each + (i < more) for i in range(given)))
    else:
        places = [slice(None, i).indices(size)[1] for i in given]
        ends = [*places, size]
    return _cut(input, ends, axis)


def _split_along(name: str, least: int, axis: int) -> Any:
    def call(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        if input.ndim < least:
            raise ShapeError(f"input has shape {input.shape}; allowed: at least {least} dimensions")
        along = 0 if name == "hsplit" and input.ndim == 1 else axis
        parts, size = indices_or_sections, input.shape[along]
        if isinstance(parts, int) and (parts < 1 or size % parts):
            raise ShapeError(f"size {size} of dim {along} cannot be split into {parts} equal parts")
        return tensor_split(input, parts, along)

    call.__doc__ = "Equal pieces, or pieces that end at the places given."
    return function(name)(call)


hsplit = _split_along("hsplit", 1, 1)


vsplit = _split_along("vsplit", 2, 0)


dsplit = _split_along("dsplit", 3, 2)


@function("unbind")
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """What stands at each place of an axis, without it."""
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    return tuple(select(input, axis, i) for i in range(input.shape[axis]))


alias("unbind_copy", of="unbind")


@function("select")
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """What stands at one place of an axis, without it."""
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    size = input.shape[axis]
    if not -size <= index < size:
        raise ShapeError(
            f"index {index} of dim {dim} is out of range; allowed: {-size} to {size - 1}"
        )
    return getitem(input, index=(*(slice(None),) * axis, int(index)))


@function("narrow")
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` places of an axis from `start`."""
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    if isinstance(start, Tensor) and (start.ndim or start.dtype.kind not in "iu"):
        raise DTypeError(f"start is {start.dtype} {start.shape}; allowed: a whole number")
    begin = int(start.item()) if isinstance(start, Tensor) else start
    size = input.shape[axis]
    begin = begin + size if begin < 0 else begin
    if length < 0 or begin < 0 or begin + length > size:
        raise ShapeError(f"start {start}, length {length} of dim {dim}, whose size is {size}")
    return _piece(input, axis, begin, begin + length)


alias("narrow_copy", of="narrow")


@function("unfold")
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of an axis, `step` apart, as a new last axis."""
    axis = axis_of(dimension, input.ndim)
    x = input if input.ndim else layout.reshape(input, shape=(1,))
    length = x.shape[axis]
    if size > length or size < 0 or step < 1:
        raise ShapeError(f"size {size}, step {step} of dim {dimension}, whose size is {length}")
    places = np.arange(0, length - size + 1, step)[:, None] + np.arange(size)
    y = getitem(x, index=(*(slice(None),) * axis, module_of(x.data).asarray(places)))
    y = movedim(y, axis + 1, -1)
    return y if input.ndim else layout.reshape(y, shape=(size,))


alias("unfold_copy", of="unfold")
