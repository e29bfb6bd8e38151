"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

from azuraforge.engine.functions.decompose import svdvals
from azuraforge.engine.functions.function import (
    FUNCTIONS,
    axes_of,
    axis_of,
    function,
    tensor_of,
)
from azuraforge.engine.functions.permute import movedim
from azuraforge.engine.functions.reduce import amax, amin, rooted, sum, unsqueezed
from azuraforge.engine.functions.solve import inv
from azuraforge.engine.ops import elementwise, rounding
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError


@function("linalg.vector_norm")
def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over dim; for p = 0 how many are not zero, for ±∞ the extremes of |x|."""
    x = tensor_of(x) if dtype is None else x.to(dtype)
    if isinstance(ord, bool) or not isinstance(ord, int | float):
        raise ConfigError(f"ord is {ord!r}; allowed: a number")
    if x.dtype.kind != "f":
        raise DTypeError(f"element type {x.dtype}; allowed: floating types")
    axes = axes_of(dim, x.ndim)
    if (math.isinf(ord) or ord < 0) and any(not x.shape[a] for a in axes):
        raise ShapeError(f"norm of order {ord} over nothing, shape {x.shape}")
    if ord == 0:
        return sum(elementwise.ne(x, 0).to(x.dtype) + x * 0, axes, keepdim)
    size = elementwise.abs(x)
    if not axes and ord != 0:
        return size
    if math.isinf(ord):
        return (amax if ord > 0 else amin)(size, axes, keepdim)
    if ord == 1:
        return sum(size, axes, keepdim)
    if ord == 2:
        return rooted(sum(elementwise.square(x), axes, keepdim))
    is_zero = elementwise.eq(size, 0)
    positive = rounding.where(is_zero, 1.0, size)
    powers = rounding.where(
        is_zero, 0.0 if ord > 0 else math.inf, elementwise.pow(positive, float(ord))
    )
    total = sum(powers, axes, keepdim)
    none = elementwise.eq(total, 0 if ord > 0 else math.inf)
    root = elementwise.pow(rounding.where(none, 1.0, total), 1 / ord)
    return rounding.where(none, 0.0, root)


@function("linalg.matrix_norm")
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of matrices: "fro", "nuc", ±1, ±2, ±∞."""
    A = A if dtype is None else A.to(dtype)
    if len(dim) != 2:
        raise ShapeError(f"dim {dim}; allowed: two axes")
    a, b = (axis_of(d, A.ndim) for d in dim)
    if a == b:
        raise ShapeError(f"dim {dim} names one axis twice")
    if ord == "fro":
        return vector_norm(A, 2, (a, b), keepdim)
    if ord in ("nuc", 2, -2):
        s = svdvals(movedim(A, (a, b), (-2, -1)))
        y = sum(s, -1) if ord == "nuc" else (amax if ord > 0 else amin)(s, -1)
        for axis in sorted((a, b)) if keepdim else ():
            y = unsqueezed(y, axis)
        return y
    if ord not in (1, -1, math.inf, -math.inf):
        raise ConfigError(f"ord is {ord!r}; allowed: 'fro', 'nuc', ±1, ±2, ±inf")
    over, then = (a, b) if ord in (1, -1) else (b, a)
    sums = sum(elementwise.abs(A), over, True)
    y = (amax if ord > 0 else amin)(sums, then, True)
    return y if keepdim else FUNCTIONS["squeeze"](y, (a, b))


@function("linalg.norm")
def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of vectors or, with two axes, of matrices."""
    if isinstance(dim, list):
        dim = tuple(dim)
    is_matrix = (isinstance(dim, tuple) and len(dim) == 2) or (dim is None and A.ndim == 2)
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if isinstance(ord, str) or is_matrix:
        return matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype=dtype)
    if dim is None and A.ndim > 2:
        raise ShapeError(f"shape {A.shape} without dim; allowed: 1 or 2 dimensions")
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


@function("norm")
def old_norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The p-norm over dim, or over all elements; "nuc" sums singular values."""
    if p == "nuc":
        return matrix_norm(input, "nuc", (0, 1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(input, 2 if p in ("fro", None) else p, dim, keepdim, dtype=dtype)


@function("linalg.cond")
def cond(A: Tensor, p: Any = None) -> Tensor:
    """The norm times that of the inverse; by default the ratio of the singular values."""
    if p in (None, 2, -2):
        s = svdvals(A)
        first, last = getitem(s, index=(..., 0)), getitem(s, index=(..., -1))
        return last / first if p == -2 else first / last
    return matrix_norm(A, p) * matrix_norm(inv(A), p)
