"""Products of reflections."""

from __future__ import annotations

import numpy as np

from azuraforge.engine.functions.diagonal import tril
from azuraforge.engine.functions.function import (
    alias,
    function,
)
from azuraforge.engine.functions.permute import adjoint
from azuraforge.engine.functions.products import constant_like
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError


@function("linalg.householder_product")
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of the product of reflections I - tau v vᵀ, v the columns of A."""
    m, n = A.shape[-2:]
    low = tril(A, -1) + Tensor(np.eye(m, n, dtype=A.dtype))
    y = Tensor(np.broadcast_to(np.eye(m, n, dtype=A.dtype), A.shape).copy())
    for i in range(tau.shape[-1] - 1, -1, -1):
        v = getitem(low, index=(..., slice(i, i + 1)))
        factor = getitem(tau, index=(..., slice(i, i + 1), None))
        y = y - factor * (v @ (adjoint(v) @ y))
    return y if tau.shape[-1] else constant_like(y, A)


alias("orgqr", of="linalg.householder_product")


@function("ormqr")
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """The product of all of the reflections of householder_product with a matrix."""
    m = input.shape[-2]
    if not left:
        return adjoint(ormqr(input, tau, adjoint(other), True, not transpose))
    if tau.shape[-1] != min(m, input.shape[-1]):
        raise ShapeError(f"input {input.shape}, tau {tau.shape}; allowed: one per reflection")
    if other.shape[-2] != m:
        raise ShapeError(f"input {input.shape}, other {other.shape}; allowed: sizes that fit")
    low = tril(input, -1) + Tensor(np.eye(*input.shape[-2:], dtype=input.dtype))
    count = tau.shape[-1]
    for i in range(count) if transpose else range(count - 1, -1, -1):
        v = getitem(low, index=(..., slice(i, i + 1)))
        factor = getitem(tau, index=(..., slice(i, i + 1), None))
        other = other - factor * (v @ (adjoint(v) @ other))
    return other
