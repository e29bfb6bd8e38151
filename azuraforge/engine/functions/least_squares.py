"""Least squares, pseudo-inverses and ranks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from azuraforge.engine.functions.function import (
    function,
)
from azuraforge.engine.functions.permute import adjoint
from azuraforge.engine.functions.products import only_same_type
from azuraforge.engine.functions.reduce import sum, unsqueezed
from azuraforge.engine.ops import elementwise, linalg
from azuraforge.engine.ops.shape import reshape
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, ShapeError


@function("linalg.pinv")
def pinv(
    A: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False, rcond: Any = None
) -> Tensor:
    """The pseudoinverse of Moore and Penrose, of singular values above the tolerance."""
    linalg.matrices(A.shape)
    if not A.data.size:
        return adjoint(A) * 1
    m, n = A.shape[-2:]
    given = rtol if rtol is not None else rcond
    low = 0.0 if atol is None else _number(atol)
    default = max(m, n) * np.finfo(A.dtype).eps if atol is None else 0.0
    share = default if given is None else _number(given)
    return linalg.pinv(A, low=low, share=share, hermitian=hermitian)


def _number(x: Any) -> Any:
    if not isinstance(x, Tensor):
        return x
    read("a tolerance")
    return x.data[..., None]


@function("pinverse")
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """As linalg.pinv."""
    return pinv(input, rcond=rcond)


class LeastSquares(NamedTuple):
    """The solution, the sums of squared errors, ranks and singular values."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


@function("linalg.lstsq")
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> LeastSquares:
    """The X with the least Σ (A X - B)²."""
    linalg.matrices(A.shape)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ConfigError(f"driver is {driver!r}; allowed: gels, gelsy, gelsd, gelss")
    is_vector = B.ndim == A.ndim - 1
    b = unsqueezed(B, B.ndim) if is_vector else B
    if b.ndim < 2 or b.shape[-2] != A.shape[-2]:
        raise ShapeError(f"A {A.shape}, B {B.shape}; allowed: as many rows")
    only_same_type(A, B)
    x = pinv(A, rcond=rcond) @ b
    m, n = A.shape[-2:]
    read("linalg.lstsq")
    s = np.linalg.svd(A.data, compute_uv=False)
    share = np.finfo(A.dtype).eps * max(m, n) if rcond is None else rcond
    rank = (s > share * s[..., :1]).sum(-1)
    none = Tensor(np.zeros((0,), A.dtype))
    errors = none
    if m > n and bool((rank == n).all()) and driver != "gelsy":
        errors = sum(elementwise.square(A @ x - b), -2)
    y = reshape(x, shape=x.shape[:-1]) if is_vector else x
    has_values = driver in ("gelsd", "gelss")
    ranks = rank if driver != "gels" else np.zeros((0,), np.int64)
    return LeastSquares(y, errors, Tensor(ranks), Tensor(s) if has_values else none)


@function("linalg.matrix_rank")
def matrix_rank(
    A: Tensor, tol: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False
) -> Tensor:
    """How many singular values are above the tolerance."""
    read("linalg.matrix_rank")
    s = np.linalg.svd(A.data, compute_uv=False)
    low = atol if atol is not None else tol
    share = (
        rtol
        if rtol is not None
        else (0.0 if low is not None else max(A.shape[-2:]) * np.finfo(A.dtype).eps)
    )
    top = s.max(-1, keepdims=True, initial=0.0)
    return Tensor(
        (s > np.maximum(_number(low) if low is not None else 0.0, _number(share) * top)).sum(-1)
    )
