"""QR, singular values, eigenvalues."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from azuraforge.engine.functions.function import (
    function,
)
from azuraforge.engine.functions.join import cat
from azuraforge.engine.functions.permute import adjoint
from azuraforge.engine.ops import linalg
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError


class QR(NamedTuple):
    """Orthogonal columns, and an upper triangle."""

    Q: Any
    R: Any


@function("linalg.qr")
def qr(A: Tensor, mode: str = "reduced") -> QR:
    """Q with orthogonal columns and R, an upper triangle, with Q R = A."""
    if mode not in ("reduced", "complete", "r"):
        raise ConfigError(f"mode is {mode!r}; allowed: 'reduced', 'complete', 'r'")
    m, n = linalg.matrices(A.shape)[-2:]
    if mode == "complete" and m > n:
        read("linalg.qr")
        full = np.linalg.qr(A.data, mode="complete")
        return QR(Tensor(full.Q), Tensor(full.R))
    if m >= n:
        q, r = linalg.qr(A)
    else:
        q, left = linalg.qr(getitem(A, index=(..., slice(0, m))))
        r = cat([left, adjoint(q) @ getitem(A, index=(..., slice(m, n)))], -1)
    return QR(Tensor(np.zeros((0,), A.dtype)) if mode == "r" else q, r)


@function("qr")
def old_qr(input: Tensor, some: bool = True) -> QR:
    """As linalg.qr."""
    return qr(input, "reduced" if some else "complete")


class SVD(NamedTuple):
    """Left vectors, values, and right vectors as rows."""

    U: Any
    S: Any
    Vh: Any


@function("linalg.svd")
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SVD:
    """U, S and Vh with U diag(S) Vh = A."""
    u, s, v = linalg.svd(A)
    m, n = A.shape[-2:]
    if full_matrices and m != n:
        read("linalg.svd")
        full_u, _, full_v = np.linalg.svd(A.data, full_matrices=True)
        k = min(m, n)
        if m > k:
            u = cat([u, Tensor(full_u[..., :, k:])], -1)
        if n > k:
            v = cat([v, Tensor(full_v[..., k:, :])], -2)
    return SVD(u, s, v)


class OldSVD(NamedTuple):
    """Left vectors, values, and right vectors as columns."""

    U: Any
    S: Any
    V: Any


@function("svd")
def old_svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> OldSVD:
    """As linalg.svd, but V is not transposed."""
    u, s, v = svd(input, not some)
    return OldSVD(u, s, adjoint(v))


@function("linalg.svdvals")
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, largest first."""
    return linalg.svdvals(A)


class Eigen(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


@function("linalg.eigh")
def eigh(A: Tensor, UPLO: str = "L") -> Eigen:
    """Eigenvalues, smallest first, and eigenvectors of a symmetric matrix."""
    return Eigen(*linalg.eigh(A, upper=_is_upper(UPLO)))


def _is_upper(UPLO: str) -> bool:
    if UPLO.upper() not in ("L", "U"):
        raise ConfigError(f"UPLO is {UPLO!r}; allowed: 'L', 'U'")
    return UPLO.upper() == "U"


@function("linalg.eigvalsh")
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a symmetric matrix, smallest first."""
    return linalg.eigvalsh(A, upper=_is_upper(UPLO))
