"""Triangles and diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import FUNCTIONS, alias, axis_of, function
from azuraforge.engine.functions.gather import at_least_row
from azuraforge.engine.functions.permute import movedim
from azuraforge.engine.functions.reshape import ravel
from azuraforge.engine.ops import index as places
from azuraforge.engine.ops import rounding
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError


def _triangle(name: str, keep: Any) -> Any:
    def call(input: Tensor, diagonal: int = 0) -> Tensor:
        if input.ndim < 2:
            raise ShapeError(f"input has shape {input.shape}; allowed: at least 2 dimensions")
        rows, columns = input.shape[-2:]
        apart = np.arange(columns) - np.arange(rows)[:, None]
        mask = module_of(input.data).asarray(keep(apart, diagonal))
        return rounding.where(mask, input, 0)

    call.__doc__ = "The elements on one side of a diagonal, zeros on the other."
    return function(name)(call)


tril = _triangle("tril", np.less_equal)


triu = _triangle("triu", np.greater_equal)


def _diagonal_places(plane: Tensor, offset: int) -> tuple[Any, Any]:
    rows, columns = plane.shape[-2:]
    size = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    return np.arange(size) + max(-offset, 0), np.arange(size) + max(offset, 0)


@function("diagonal")
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of the plane of two axes, as the last axis."""
    if input.ndim < 2:
        raise ShapeError(
            f"dims {dim1}, {dim2} of shape {input.shape}; allowed: 2 dimensions or more"
        )
    a, b = axis_of(dim1, input.ndim, "dim1"), axis_of(dim2, input.ndim, "dim2")
    if a == b:
        raise ShapeError(f"dim1 {dim1} and dim2 {dim2} are one axis")
    plane = movedim(input, (a, b), (-2, -1))
    return getitem(plane, index=(..., *_diagonal_places(plane, offset)))


alias("diagonal_copy", of="diagonal")


@function("linalg.diagonal")
def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices."""
    return diagonal(A, offset, dim1, dim2)


@function("diag_embed")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last axis on a diagonal."""
    x = at_least_row(input)
    a, b = axis_of(dim1, x.ndim + 1, "dim1"), axis_of(dim2, x.ndim + 1, "dim2")
    if a == b:
        raise ShapeError(f"dim1 {dim1} and dim2 {dim2} are one axis")
    size = x.shape[-1] + abs(offset)
    zeros = Tensor(module_of(x.data).zeros((*x.shape[:-1], size, size), x.dtype))
    y = places.index_put(zeros, x, index=(..., *_diagonal_places(zeros, offset)))
    return movedim(y, (-2, -1), (a, b))


@function("diag")
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix of a diagonal."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: 1 or 2 dimensions")
    return FUNCTIONS["diagonal"](input, diagonal)


@function("diagflat")
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements on a diagonal."""
    return diag_embed(ravel(input), offset)


@function("trace")
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    if input.ndim != 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: 2 dimensions, a matrix")
    return FUNCTIONS["sum"](diagonal(input))


@function("diagonal_scatter")
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """input, with src on a diagonal."""
    a, b = axis_of(dim1, input.ndim), axis_of(dim2, input.ndim)
    plane = movedim(input, (a, b), (-2, -1))
    at = _diagonal_places(plane, offset)
    y = places.index_put(plane, src, index=(..., *at))
    return movedim(y, (-2, -1), (a, b))


def _triangle_places(name: str, keep: Any) -> Any:
    def call(row: int, col: int, offset: int = 0, **options: Any) -> Tensor:
        apart = np.arange(col) - np.arange(row)[:, None]
        return Tensor(np.stack(np.nonzero(keep(apart, offset))))

    call.__doc__ = "The places on one side of a diagonal."
    return function(name)(call)


tril_indices = _triangle_places("tril_indices", np.less_equal)


triu_indices = _triangle_places("triu_indices", np.greater_equal)
