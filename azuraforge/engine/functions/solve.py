"""Linear equations and inverses."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from azuraforge.engine.functions.diagonal import tril, triu
from azuraforge.engine.functions.function import (
    alias,
    axis_of,
    function,
)
from azuraforge.engine.functions.permute import adjoint
from azuraforge.engine.functions.products import eye_like
from azuraforge.engine.functions.reduce import unsqueezed
from azuraforge.engine.ops import linalg
from azuraforge.engine.ops.shape import permute, reshape
from azuraforge.engine.tensor import Tensor


@function("linalg.inv")
def inv(A: Tensor) -> Tensor:
    """The inverse. Raises: EngineError for a singular matrix."""
    return linalg.inv(A)


alias("inverse", of="linalg.inv")


class WithInfo(NamedTuple):
    """A result, and 0 for each matrix that was well."""

    result: Any
    info: Any


def info_of(A: Tensor) -> Tensor:
    return Tensor(np.zeros(A.shape[:-2], np.int32))


@function("linalg.inv_ex")
def inv_ex(A: Tensor, *, check_errors: bool = False) -> WithInfo:
    """The inverse, and 0 for each matrix."""
    return WithInfo(linalg.inv(A), info_of(A))


@function("linalg.solve")
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X with A X = B (X A = B where not left); B of vectors or matrices."""
    linalg.square(A.shape)
    is_vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    if is_vector:
        y = linalg.solve(A, unsqueezed(B, B.ndim))
        return reshape(y, shape=y.shape[:-1])
    if not left:
        return adjoint(linalg.solve(adjoint(A), adjoint(B)))
    return linalg.solve(A, B)


@function("linalg.solve_ex")
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> WithInfo:
    """As solve, and 0 for each matrix."""
    return WithInfo(solve(A, B, left=left), info_of(A))


@function("linalg.solve_triangular")
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """As solve, of one triangle of A; with ones on the diagonal where unitriangular."""
    half = triu(A, 1 if unitriangular else 0) if upper else tril(A, -1 if unitriangular else 0)
    if unitriangular:
        half = half + eye_like(A)
    return solve(half, B, left=left) if B.ndim > 1 else solve(half, B)


class Triangular(NamedTuple):
    """The solution, and the matrix."""

    solution: Any
    cloned_coefficient: Any


@function("triangular_solve")
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Triangular:
    """The x with A x = b, of one triangle of A, and A."""
    half = triu(A, 1 if unitriangular else 0) if upper else tril(A, -1 if unitriangular else 0)
    half = half + eye_like(A) if unitriangular else half
    return Triangular(linalg.solve(adjoint(half) if transpose else half, b), A * 1)


@function("linalg.tensorinv")
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse with regard to tensordot over ind axes."""
    rows = math.prod(A.shape[:ind])
    y = linalg.inv(reshape(A, shape=(rows, -1)))
    return reshape(y, shape=(*A.shape[ind:], *A.shape[:ind]))


@function("linalg.tensorsolve")
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The X with tensordot(A, X) = B."""
    last = [axis_of(d, A.ndim) for d in dims or ()]
    A = permute(A, dims=(*(i for i in range(A.ndim) if i not in last), *last))
    shape = A.shape[B.ndim :]
    x = solve(reshape(A, shape=(B.data.size, -1)), reshape(B, shape=(B.data.size,)))
    return reshape(x, shape=shape)
