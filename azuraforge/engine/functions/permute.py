"""Axes and elements in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azuraforge.engine.functions.function import (
    alias,
    axes_of,
    axis_of,
    function,
    sizes_of,
)
from azuraforge.engine.functions.reshape import ravel
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.shape import permute
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError


@function("permute", many="dims")
def permuted(input: Tensor, *dims: Any) -> Tensor:
    """The axes in another order."""
    order = sizes_of(dims)
    axes = tuple(axis_of(d, input.ndim) for d in order)
    if sorted(axes) != list(range(input.ndim)):
        raise ShapeError(f"dims {order}; allowed: each of the {input.ndim} axes once")
    return permute(input, dims=axes)


@function("transpose")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    a, b = axis_of(dim0, input.ndim), axis_of(dim1, input.ndim)
    dims = list(range(input.ndim))
    if dims:
        dims[a], dims[b] = dims[b], dims[a]
    return permute(input, dims=tuple(dims))


alias("swapaxes", "swapdims", "transpose_copy", of="transpose")


alias("permute_copy", of="permute")


@function("t")
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix."""
    if input.ndim > 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at most 2 dimensions")
    return permute(input, dims=tuple(reversed(range(input.ndim))))


alias("t_copy", of="t")


@function("adjoint")
def adjoint(input: Tensor) -> Tensor:
    """The last two axes exchanged."""
    return transpose(input, -2, -1)


@function("movedim")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Axes at `source` moved to `destination`; the others keep their order."""
    many = (source, destination) if isinstance(source, list | tuple) else ([source], [destination])
    froms, tos = (tuple(axis_of(d, input.ndim) for d in each) for each in many)
    if len(froms) != len(tos) or len(set(froms)) < len(froms) or len(set(tos)) < len(tos):
        raise ShapeError(f"source {source}, destination {destination}; allowed: as many, each once")
    if not input.ndim:
        return permute(input, dims=())
    dims: list[int] = [d for d in range(input.ndim) if d not in froms]
    for at, d in sorted(zip(tos, froms, strict=True)):
        dims.insert(at, d)
    return permute(input, dims=tuple(dims))


alias("moveaxis", of="movedim")


@function("flip", many="dims")
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The elements of axes in reverse."""
    axes = sizes_of(dims)
    return layout.flip(input, axes=axes_of(axes, input.ndim) if axes else ())


@function("fliplr")
def fliplr(input: Tensor) -> Tensor:
    """The elements of axis 1 in reverse."""
    if input.ndim < 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at least 2 dimensions")
    return layout.flip(input, axes=(1,))


@function("flipud")
def flipud(input: Tensor) -> Tensor:
    """The elements of axis 0 in reverse."""
    if input.ndim < 1:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    return layout.flip(input, axes=(0,))


@function("roll")
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved along axes, and in again at the other end."""
    steps = shifts if isinstance(shifts, list | tuple) else (shifts,)
    if dims is None or dims in ((), []):
        if len(steps) != 1:
            raise ShapeError(f"shifts {shifts} without dims; allowed: one number, or as many dims")
        flat = layout.roll(ravel(input), shifts=tuple(steps), axes=(0,))
        return layout.reshape(flat, shape=input.shape)
    axes = dims if isinstance(dims, list | tuple) else (dims,)
    if len(axes) != len(steps):
        raise ShapeError(f"shifts {shifts}, dims {dims}; allowed: as many shifts as dims")
    if not input.ndim:
        raise ShapeError(f"dims {dims} of shape (); allowed: none")
    axes = tuple(axis_of(d, input.ndim) for d in axes)
    return layout.roll(input, shifts=tuple(steps), axes=axes)


@function("rot90")
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by k right angles in the plane of two axes."""
    if len(dims) != 2:
        raise ShapeError(f"dims {dims}; allowed: two axes")
    if input.ndim < 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at least 2 dimensions")
    a, b = (axis_of(d, input.ndim) for d in dims)
    if a == b:
        raise ShapeError(f"dims {dims} name one axis twice")
    match k % 4:
        case 1:
            return transpose(layout.flip(input, axes=(b,)), a, b)
        case 2:
            return layout.flip(input, axes=(a, b))
        case 3:
            return layout.flip(transpose(input, a, b), axes=(b,))
    return input * 1
