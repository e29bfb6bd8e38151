"""P L U."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from azuraforge.engine.functions.diagonal import tril, triu
from azuraforge.engine.functions.function import (
    FUNCTIONS,
    function,
)
from azuraforge.engine.functions.join import cat
from azuraforge.engine.functions.permute import adjoint
from azuraforge.engine.functions.products import eye_like
from azuraforge.engine.functions.solve import info_of, solve
from azuraforge.engine.ops import linalg
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError


class LU(NamedTuple):
    """Rows in their order, a lower and an upper triangle."""

    P: Any
    L: Any
    U: Any


def _permutation(pivots: Any, rows: int) -> Any:
    """The order of the rows after all exchanges. Shape: (…, k) -> (…, rows)"""
    order = np.broadcast_to(np.arange(rows), (*pivots.shape[:-1], rows)).copy()
    for k in range(pivots.shape[-1]):
        p = pivots[..., k : k + 1]
        here, there = order[..., k : k + 1].copy(), np.take_along_axis(order, p, -1)
        np.put_along_axis(order, p, here, -1)
        order[..., k : k + 1] = there
    return order


def _matrix_of(order: Any, dtype: Any) -> Any:
    """The P with (Pᵀ A)[i] = A[order[i]]."""
    return np.swapaxes((order[..., :, None] == np.arange(order.shape[-1])).astype(dtype), -1, -2)


def _factors(A: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """P, L, U and the pivots."""
    m, n = linalg.matrices(A.shape)[-2:]
    k = min(m, n)
    pivots = linalg.lu_pivots(A.detach())
    read("linalg.lu")
    P = Tensor(_matrix_of(_permutation(pivots.data, m), A.dtype))
    rows = adjoint(P) @ A
    packed = linalg.lu_square(getitem(rows, index=(..., slice(0, k), slice(0, k))))
    low, up = tril(packed, -1) + eye_like(packed), triu(packed)
    if m > k:
        rest = getitem(rows, index=(..., slice(k, m), slice(None)))
        low = cat([low, adjoint(linalg.solve(adjoint(up), adjoint(rest)))], -2)
    if n > k:
        rest = getitem(rows, index=(..., slice(None), slice(k, n)))
        up = cat([up, linalg.solve(low, rest)], -1)
    return P, low, up, pivots


@function("linalg.lu")
def lu(A: Tensor, *, pivot: bool = True) -> LU:
    """P, L and U with P L U = A."""
    if not pivot:
        raise ConfigError("pivot is False; allowed on the CPU: True")
    P, low, up, _ = _factors(A)
    return LU(P, low, up)


class Packed(NamedTuple):
    """L and U in one matrix, and the rows exchanged at each step, counted from 1."""

    LU: Any
    pivots: Any


class PackedInfo(NamedTuple):
    """As Packed, and 0 for each matrix."""

    LU: Any
    pivots: Any
    info: Any


@function("linalg.lu_factor")
def lu_factor(A: Tensor, *, pivot: bool = True) -> Packed:
    """L and U in one matrix, and the rows exchanged at each step, counted from 1."""
    if not pivot:
        raise ConfigError("pivot is False; allowed on the CPU: True")
    _, low, up, pivots = _factors(A)
    m, n = A.shape[-2:]
    k = min(m, n)
    wide_l = tril(low, -1)
    if n > k:
        wide_l = layout.pad(wide_l, widths=(*((0, 0),) * (A.ndim - 1), (0, n - k)))
    if m > k:
        up = layout.pad(up, widths=(*((0, 0),) * (A.ndim - 2), (0, m - k), (0, 0)))
    read("linalg.lu_factor")
    return Packed(wide_l + up, Tensor((pivots.data + 1).astype(np.int32)))


@function("linalg.lu_factor_ex")
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> PackedInfo:
    """As lu_factor, and 0 for each matrix."""
    found = lu_factor(A, pivot=pivot)
    return PackedInfo(found.LU, found.pivots, info_of(A))


@function("lu")
def old_lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """As linalg.lu_factor."""
    found = lu_factor(A, pivot=pivot)
    return (*found, info_of(A)) if get_infos else tuple(found)


@function("lu_unpack")
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> LU:
    """P, L and U out of what lu_factor gives."""
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    empty = Tensor(np.zeros((0,), LU_data.dtype))
    P = low = up = empty
    if unpack_pivots:
        read("lu_unpack")
        P = Tensor(_matrix_of(_permutation(LU_pivots.data - 1, m), LU_data.dtype))
    if unpack_data:
        ones = Tensor(np.eye(m, k, dtype=LU_data.dtype))
        low = tril(getitem(LU_data, index=(..., slice(None), slice(0, k))), -1) + ones
        up = triu(getitem(LU_data, index=(..., slice(0, k), slice(None))))
    return LU(P, low, up)


@function("linalg.lu_solve")
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """The X with A X = B (X A = B where not left) of the A that lu_factor took apart."""
    P, low, up = lu_unpack(LU, pivots)
    A = P @ low @ up
    return solve(FUNCTIONS["adjoint"](A) if adjoint else A, B, left=left)


@function("lu_solve")
def old_lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """As linalg.lu_solve."""
    return lu_solve(LU_data, LU_pivots, b)
