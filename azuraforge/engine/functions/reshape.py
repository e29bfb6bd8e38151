"""Other shapes for the same elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.functions.function import (
    FUNCTIONS,
    alias,
    axes_of,
    axis_of,
    function,
    sizes_of,
    tensor_of,
)
from azuraforge.engine.functions.join import several_of
from azuraforge.engine.functions.reduce import unsqueezed
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.shape import cast, expand
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError


@function("reshape", many="shape")
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in another shape; one size may be -1."""
    return layout.reshape(input, shape=sizes_of(shape))


@function("view")
def view(input: Tensor, *shape: Any) -> Tensor:
    """As reshape; with an element type, the elements as that type."""
    if len(shape) == 1 and not isinstance(shape[0], int | list | tuple):
        return input.to(shape[0])
    return layout.reshape(input, shape=sizes_of(shape))


@function("reshape_as")
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """The elements in the shape of another tensor."""
    return layout.reshape(input, shape=other.shape)


alias("view_as", of="reshape_as")


alias("view_copy", of="view")


@function("ravel")
def ravel(input: Tensor) -> Tensor:
    """All elements in one row."""
    return layout.reshape(input, shape=(input.data.size,))


@function("flatten")
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes start_dim to end_dim as one."""
    start, end = axis_of(start_dim, input.ndim), axis_of(end_dim, input.ndim)
    if start > end:
        raise ShapeError(f"start_dim {start_dim} comes after end_dim {end_dim}")
    if not input.ndim:
        return layout.reshape(input, shape=(1,))
    size = math.prod(input.shape[start : end + 1])
    return layout.reshape(input, shape=(*input.shape[:start], size, *input.shape[end + 1 :]))


@function("unflatten")
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several; one size may be -1."""
    axis = axis_of(dim, input.ndim)
    parts = sizes_of(tuple(sizes))
    if -1 in parts:
        known = -math.prod(parts)
        parts = tuple(input.shape[axis] // known if n == -1 else n for n in parts)
    return layout.reshape(input, shape=(*input.shape[:axis], *parts, *input.shape[axis + 1 :]))


@function("squeeze")
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without axes of size 1: all, or those named."""
    if dim is None:
        axes = tuple(range(input.ndim))
    else:
        axes = axes_of(dim, input.ndim) if dim != () else ()
    kept = tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in axes)
    return layout.reshape(input, shape=kept)


alias("squeeze_copy", of="squeeze")


@function("unsqueeze")
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With an axis of size 1 at dim."""
    return unsqueezed(input, axis_of(dim, input.ndim + 1))


alias("unsqueeze_copy", of="unsqueeze")


@function("expand", many="size")
def expanded(input: Tensor, *sizes: Any) -> Tensor:
    """Axes of size 1 repeated, without a copy; -1 keeps a size."""
    return expand(input, shape=sizes_of(sizes))


alias("broadcast_to", of="expand")


alias("expand_copy", of="expand")


@function("expand_as")
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Repeated to the shape of another tensor."""
    return expand(input, shape=other.shape)


@function("broadcast_tensors")
def broadcast_tensors(*tensors: Any) -> list[Tensor]:
    """Tensors repeated to their common shape."""
    given = several_of(tensors)
    shape = np.broadcast_shapes(*(x.shape for x in given))
    return [expand(x, shape=tuple(shape)) for x in given]


@function("clone")
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy, through which gradients pass."""
    return layout.clone(tensor_of(input))


alias("contiguous", "alias_copy", of="clone")


@function("sum_to_size", many="size")
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Summed over what must have been repeated to get here from a shape."""
    shape = sizes_of(size)
    extra = input.ndim - len(shape)
    if extra < 0 or any(
        m not in (1, n) for m, n in zip(shape, input.shape[max(extra, 0) :], strict=False)
    ):
        raise ShapeError(f"size {shape} does not broadcast to {input.shape}")
    axes = (*range(extra), *(i + extra for i, n in enumerate(shape) if n == 1))
    if not axes:
        return input
    return layout.reshape(FUNCTIONS["sum"](input, axes, True), shape=shape)


@function("to")
def to(input: Tensor, *target: Any, **options: Any) -> Tensor:
    """On a device or of an element type, or like another tensor."""
    x = input
    for one in (*target, *(options.get(key) for key in ("dtype", "device"))):
        if isinstance(one, Tensor):
            x = x.to(one.dtype)
        elif one is not None and not isinstance(one, bool):
            x = x.to(one)
    return x


def _cast(name: str, dtype: str) -> None:
    def call(input: Tensor, memory_format: Any = None) -> Tensor:
        return input if input.dtype == dtype else cast(input, dtype=np.dtype(dtype))

    call.__doc__ = f"The elements as {dtype}."
    function(name)(call)


for _name, _dtype in {
    "double": "float64", "float": "float32", "half": "float16", "int": "int32", "long": "int64",
    "bool": "bool", "short": "int16", "char": "int8", "byte": "uint8",
    "cdouble": "complex128", "cfloat": "complex64",
}.items():  # fmt: skip
    _cast(_name, _dtype)
