"""A Aᴴ of triangles."""

from __future__ import annotations

from azuraforge.engine.functions.diagonal import tril, triu
from azuraforge.engine.functions.function import (
    function,
)
from azuraforge.engine.functions.permute import adjoint
from azuraforge.engine.functions.solve import WithInfo, info_of
from azuraforge.engine.ops import linalg
from azuraforge.engine.tensor import Tensor


@function("linalg.cholesky")
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The triangle L with L Lᵀ = A. Raises: EngineError unless A is positive definite."""
    if upper:
        return adjoint(linalg.cholesky(adjoint(A)))
    return linalg.cholesky(A)


@function("cholesky")
def old_cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """As linalg.cholesky."""
    return cholesky(input, upper=upper)


@function("linalg.cholesky_ex")
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> WithInfo:
    """As linalg.cholesky, and 0 for each matrix."""
    return WithInfo(cholesky(A, upper=upper), info_of(A))


def _lower(L: Tensor, upper: bool) -> Tensor:
    """The triangle that counts; its gradient is that of the whole matrix, as PyTorch's is."""
    half = triu(L) if upper else tril(L)
    whole = L + (half - L).detach()
    return adjoint(whole) if upper else whole


@function("cholesky_solve")
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The X with L Lᵀ X = B."""
    low = _lower(L, upper)
    return linalg.solve(adjoint(low), linalg.solve(low, B))


@function("cholesky_inverse")
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of L Lᵀ."""
    low = _lower(L, upper)
    half = linalg.inv(low)
    return adjoint(half) @ half
