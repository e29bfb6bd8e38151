"""Linear algebra over the last two axes; gradients are written with ops alone.

Sources of the gradients: Giles (2008), Collected matrix derivative results for forward and reverse
mode; Townsend (2016), Differentiating the singular value decomposition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.engine.ops.rounding import where
from azuraforge.engine.ops.sample import Draw, Sample, fixed, normal
from azuraforge.engine.ops.shape import cat, permute
from azuraforge.errors import DTypeError, EngineError, ShapeError


def turned(x: Any) -> Any:
    """x with its last two axes exchanged."""
    n = len(x.shape)
    return permute(x, dims=(*range(n - 2), n - 1, n - 2))


def square(x: Shape) -> Shape:
    """The shape itself. Raises: ShapeError unless it is of square matrices."""
    if len(x) < 2 or x[-1] != x[-2]:
        raise ShapeError(f"shape {x}; allowed: (…, n, n), square matrices")
    return x


def matrices(x: Shape) -> Shape:
    """The shape itself. Raises: ShapeError unless it is of matrices."""
    if len(x) < 2:
        raise ShapeError(f"shape {x}; allowed: (…, m, n), matrices")
    return x


def _solved(xp: Any, name: str, function: Any, *arrays: Array) -> Any:
    """What a function of xp.linalg gives. Raises: EngineError that says why there is nothing."""
    for x in arrays:
        if x.dtype.kind not in "fc":
            raise DTypeError(f"element type {x.dtype}; allowed: float32, float64")
    wide = [x.astype(xp.float32) if x.dtype == xp.float16 else x for x in arrays]
    try:
        return function(*wide)
    except np.linalg.LinAlgError as error:
        shapes = ", ".join(str(x.shape) for x in arrays)
        raise EngineError(f"{error} (operands {shapes})") from error


def _near_identity(n: int, *batch: int) -> Draw:
    """Matrices that are well conditioned, whatever is drawn."""
    eye = np.broadcast_to(np.eye(n), (*batch, n, n))
    noise = np.sin(np.arange(eye.size)).reshape(eye.shape) / (2 * n)
    return fixed(eye + noise)


_SQUARES = (Sample(_near_identity(3)), Sample(_near_identity(2, 4)), Sample(_near_identity(1)))


def _inv(xp: Any, x: Array, y: Array) -> None:
    y[...] = _solved(xp, "inv", xp.linalg.inv, x)


inv = op(
    "inv(x) -> y",
    shape=square,
    forward=_inv,
    grads={"x": lambda xp, g, y: -(turned(y) @ g @ turned(y))},
    is_holomorphic=True,
    samples=_SQUARES,
)


def _solution(a: Shape, b: Shape) -> Shape:
    square(a)
    if len(b) < 2 or a[-1] != b[-2]:
        raise ShapeError(f"matrix {a}, right side {b}; allowed: (…, n, n), (…, n, k)")
    return (*np.broadcast_shapes(a[:-2], b[:-2]), *b[-2:])


def _solve(xp: Any, a: Array, b: Array, y: Array) -> None:
    y[...] = _solved(xp, "solve", xp.linalg.solve, a, b)


solve: Op = op(
    "solve(a, b) -> y",
    shape=_solution,
    forward=_solve,
    grads={
        "a": lambda xp, g, a, y: -(solve(turned(a), g) @ turned(y)),
        "b": lambda xp, g, a: solve(turned(a), g),
    },
    is_holomorphic=True,
    samples=(
        Sample(_near_identity(3), normal(3, 2)),
        Sample(_near_identity(3), normal(4, 3, 2)),
        Sample(_near_identity(2, 3), normal(2, 1)),
    ),
)


def _halved(x: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    n = x.shape[-1]
    return x * (np.tri(n) - 0.5 * np.eye(n)).astype(x.dtype)


def _cholesky(xp: Any, x: Array, y: Array) -> None:
    y[...] = _solved(xp, "cholesky", xp.linalg.cholesky, xp.tril(x) + turned(xp.tril(x, -1)))


def _cholesky_gradient(xp: Any, g: Any, y: Any) -> Any:
    inner = _halved(turned(y) @ g)
    half = turned(solve(turned(y), turned(solve(turned(y), inner))))
    return (half + turned(half)) * 0.5


cholesky = op(  # of the lower triangle, as if the matrix were symmetric
    "cholesky(x) -> y",
    shape=square,
    forward=_cholesky,
    grads={"x": _cholesky_gradient},
    samples=(Sample(fixed([[4.0]])),),
)


def _qr_shape(x: Shape) -> tuple[Shape, Shape]:
    *batch, m, n = matrices(x)
    if m < n:
        raise ShapeError(f"shape {x}; allowed here: at least as many rows as columns")
    return (*batch, m, n), (*batch, n, n)


def _qr(xp: Any, x: Array, q: Array, r: Array) -> None:
    q[...], r[...] = _solved(xp, "qr", xp.linalg.qr, x)


def _qr_gradient(xp: Any, g: Any, g_r: Any, q: Any, r: Any) -> Any:
    inner = g_r @ turned(r) - turned(q) @ g
    upper = turned(_halved(turned(inner)))
    return turned(solve(r, turned(g + q @ (upper + turned(upper)))))


qr = op(
    "qr(x) -> q, r",
    shape=_qr_shape,
    forward=_qr,
    grads={"x": _qr_gradient},
    samples=(Sample(_near_identity(3)), Sample(fixed([[2.0, 0.5], [0.1, 1.0], [0.7, -0.3]]))),
)


def _svd_shape(x: Shape) -> tuple[Shape, Shape, Shape]:
    *batch, m, n = matrices(x)
    k = min(m, n)
    return (*batch, m, k), (*batch, k), (*batch, k, n)


def _svd(xp: Any, x: Array, u: Array, s: Array, v: Array) -> None:
    if not all(s.shape):
        return
    u[...], s[...], v[...] = _solved(xp, "svd", lambda x: xp.linalg.svd(x, full_matrices=False), x)


def _gaps(xp: Any, values: Any) -> Any:
    """values[j] - values[i], with ones on the diagonal. Shape: (…, n) -> (…, n, n)"""
    rows = values[..., None, :] - values[..., :, None]
    return rows + xp.eye(values.shape[-1], dtype=values.dtype)


def _skew(x: Any) -> Any:
    return x - turned(x)


def _ratio(top: Any, gaps: Any) -> Any:
    """top / gaps, 0 where top is: values that are equal matter to their vectors alone."""
    return where(top == 0, 0.0, top / gaps)


def _svd_gradient(
    xp: Any, g: Any, g_s: Any, g_v: Any, u: Any, s: Any, v: Any, x_shape: Shape
) -> Any:
    """v is given as its transpose, as it is returned."""
    gaps = _gaps(xp, s * s)
    inner = _ratio(_skew(turned(u) @ g), gaps) * s[..., None, :]
    inner = inner + s[..., :, None] * _ratio(_skew(v @ turned(g_v)), gaps)
    inner = inner + g_s[..., None, :] * xp.eye(s.shape[-1], dtype=s.dtype)
    gx = u @ inner @ v
    if x_shape[-2] > s.shape[-1]:
        rest = _ratio(g, s[..., None, :])
        gx = gx + (rest - u @ (turned(u) @ rest)) @ v
    if x_shape[-1] > s.shape[-1]:
        rest = _ratio(g_v, s[..., :, None])
        gx = gx + u @ (rest - (rest @ turned(v)) @ v)
    return gx


svd = op(
    "svd(x) -> u, s, v",
    shape=_svd_shape,
    forward=_svd,
    grads={"x": _svd_gradient},
    samples=(
        Sample(fixed([[3.0, 0.4], [-0.2, 1.0]])),
        Sample(fixed([[3.0, 0.4, 0.1], [-0.2, 1.0, 0.7]])),
        Sample(fixed([[3.0, 0.4], [-0.2, 1.0], [0.3, 0.9]])),
    ),
)


def _svdvals(xp: Any, x: Array, s: Array) -> None:
    if s.size:
        s[...] = _solved(xp, "svdvals", lambda x: xp.linalg.svd(x, compute_uv=False), x)


def _svdvals_gradient(xp: Any, g: Any, x: Any) -> Any:
    u, _, v = svd(x)
    return (u * g[..., None, :]) @ v


svdvals = op(  # their gradient holds where values are equal, too
    "svdvals(x) -> s",
    shape=lambda x: _svd_shape(x)[1],
    forward=_svdvals,
    grads={"x": _svdvals_gradient},
    samples=svd.samples,
)


def _eigh_shape(x: Shape) -> tuple[Shape, Shape]:
    return square(x)[:-1], x


def _eigh(xp: Any, x: Array, w: Array, v: Array, upper: bool) -> None:
    if all(x.shape):
        UPLO = "U" if upper else "L"
        w[...], v[...] = _solved(xp, "eigh", lambda x: xp.linalg.eigh(x, UPLO), x)


def _eigh_gradient(xp: Any, g: Any, g_v: Any, w: Any, v: Any) -> Any:
    eye = xp.eye(w.shape[-1], dtype=w.dtype)
    inner = _ratio(_skew(turned(v) @ g_v) * 0.5, _gaps(xp, w)) * (1 - eye) + g[..., None, :] * eye
    return v @ inner @ turned(v)


eigh = op(  # of one triangle, as if the matrix were symmetric; the gradient takes it for that
    "eigh(x, *, upper=False) -> w, v",
    shape=_eigh_shape,
    forward=_eigh,
    grads={"x": _eigh_gradient},
    samples=(Sample(fixed([[4.0]])),),
)


def _eigvalsh(xp: Any, x: Array, w: Array, upper: bool) -> None:
    if w.size:
        UPLO = "U" if upper else "L"
        w[...] = _solved(xp, "eigvalsh", lambda x: xp.linalg.eigvalsh(x, UPLO), x)


def _eigvalsh_gradient(xp: Any, g: Any, x: Any, upper: bool) -> Any:
    _, v = eigh(x, upper=upper)
    return (v * g[..., None, :]) @ turned(v)


eigvalsh = op(
    "eigvalsh(x, *, upper=False) -> w",
    shape=lambda x: square(x)[:-1],
    forward=_eigvalsh,
    grads={"x": _eigvalsh_gradient},
    samples=eigh.samples,
)


def _pinv(xp: Any, x: Array, y: Array, low: Any, share: Any, hermitian: bool) -> None:
    """Of the singular values above `low` and above `share` of the largest."""
    if hermitian:
        w, v = _solved(xp, "pinv", xp.linalg.eigh, x)
        u, size, vt = v * xp.where(w < 0, -1, 1)[..., None, :], xp.abs(w), turned(v)
    else:
        u, size, vt = _solved(xp, "pinv", lambda x: xp.linalg.svd(x, full_matrices=False), x)
    keep = size > xp.maximum(low, share * size.max(-1, keepdims=True))
    inverse = xp.where(keep, 1 / xp.where(keep, size, 1), 0)
    y[...] = (turned(vt) * inverse[..., None, :]) @ turned(u)


def _pinv_gradient(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """Golub's and Pereyra's (1973), which holds where the rank is constant."""
    gt, yt = turned(g), turned(y)
    right, left = gt @ (y @ yt), (yt @ y) @ gt
    return right - x @ (y @ right) + left - (left @ y) @ x - yt @ g @ yt


pinv = op(
    "pinv(x, *, low=0.0, share=1e-15, hermitian=False) -> y",
    shape=lambda x: (*matrices(x)[:-2], x[-1], x[-2]),
    forward=_pinv,
    grads={"x": _pinv_gradient},
    samples=svd.samples,
)


def _det(xp: Any, x: Array, y: Array) -> None:
    y[...] = _solved(xp, "det", xp.linalg.det, x)


def _det_gradient(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """The cofactors; from the inverse where there is one, else from the singular values."""
    if x.shape[-1] == 0:
        return x
    size = xp.abs(getattr(y, "data", y)) if not hasattr(y, "ctypes") else xp.abs(y)
    if bool((size > 1e-10).all()):
        return (g * y)[..., None, None] * turned(inv(x))
    u, s, v = svd(x)
    n = x.shape[-1]
    own = xp.eye(n, dtype=bool)
    rows = where(own, 1.0, s[..., None, :])
    others = rows[..., 0]
    for i in range(1, n):
        others = others * rows[..., i]
    sign = det(u) * det(v)
    return (g * sign)[..., None, None] * ((u * others[..., None, :]) @ v)


det: Op = op(
    "det(x) -> y",
    shape=lambda x: square(x)[:-2],
    forward=_det,
    grads={"x": _det_gradient},
    is_holomorphic=True,
    samples=(*_SQUARES, Sample(fixed([[1.0, 2.0], [2.0, 4.0]]))),
)


def _slogdet(xp: Any, x: Array, sign: Array, y: Array) -> None:
    sign[...], y[...] = _solved(xp, "slogdet", xp.linalg.slogdet, x)


slogdet = op(
    "slogdet(x) -> sign, y",
    shape=lambda x: (square(x)[:-2], x[:-2]),
    forward=_slogdet,
    grads={"x": lambda xp, g_y, x: g_y[..., None, None] * turned(inv(x))},
    samples=_SQUARES,
)


def _matrix_exp(xp: Any, x: Array, y: Array) -> None:
    """By Taylor's series of 18 terms after halving to a norm below 1/2."""
    n = x.shape[-1]
    norm = float(xp.abs(x).sum(-2).max(initial=0.0)) if x.size else 0.0
    halvings = max(0, int(np.ceil(np.log2(max(norm, 1e-300)))) + 1)
    small = x / 2.0**halvings
    term = xp.broadcast_to(xp.eye(n, dtype=x.dtype), x.shape)
    total = term.copy()
    for k in range(1, 19):
        term = term @ small / k
        total += term
    for _ in range(halvings):
        total = total @ total
    y[...] = total


def _matrix_exp_gradient(xp: Any, g: Any, x: Any) -> Any:
    """The upper right block of exp([[xᵀ, g], [0, xᵀ]])."""
    n = x.shape[-1]
    turned_x = turned(x)
    above = cat(turned_x, g, axis=-1)
    below = cat(turned_x * 0, turned_x, axis=-1)
    return matrix_exp(cat(above, below, axis=-2))[..., :n, n:]


matrix_exp: Op = op(
    "matrix_exp(x) -> y",
    shape=square,
    forward=_matrix_exp,
    grads={"x": _matrix_exp_gradient},
    is_holomorphic=True,
    samples=_SQUARES,
)


def _lu_shape(x: Shape) -> tuple[Shape, Shape]:
    *batch, m, n = matrices(x)
    return x, (*batch, min(m, n))


def _lu(xp: Any, x: Array, _packed: Array, pivots: Array) -> None:
    """Gauss's elimination with partial pivoting, all matrices of the batch at once."""
    a = x.reshape(-1, *x.shape[-2:]).copy()
    _, m, n = a.shape
    found = xp.empty((len(a), min(m, n)), np.int64)
    each = xp.arange(len(a))
    for k in range(min(m, n)):
        p = k + xp.argmax(xp.abs(a[:, k:, k]), axis=1)
        found[:, k] = p
        rows = a[each, p].copy()
        a[each, p] = a[:, k]
        a[:, k] = rows
        pivot = a[:, k, k, None]
        a[:, k + 1 :, k] = xp.where(
            pivot == 0, 0, a[:, k + 1 :, k] / xp.where(pivot == 0, 1, pivot)
        )
        a[:, k + 1 :, k + 1 :] -= a[:, k + 1 :, k, None] * a[:, k, None, k + 1 :]
    _packed[...] = a.reshape(x.shape)
    pivots[...] = found.reshape(pivots.shape)


lu_pivots = op(  # the rows exchanged at each step of elimination; no gradient
    "lu_pivots(x) -> pivots, _packed",
    shape=lambda x: _lu_shape(x)[::-1],
    forward=lambda xp, x, pivots, _packed: _lu(xp, x, _packed, pivots),
    grads={"x": None},
    dtypes={"pivots": lambda: "int64"},
    samples=(Sample(_near_identity(3)), Sample(normal(2, 3, 4)), Sample(normal(4, 3))),
)


def _lu_square(xp: Any, x: Array, y: Array) -> None:
    """Elimination without exchanges; rows come in the order of their pivots."""
    a = x.copy()
    for k in range(x.shape[-1]):
        a[..., k + 1 :, k] /= a[..., k, k, None]
        a[..., k + 1 :, k + 1 :] -= a[..., k + 1 :, k, None] * a[..., k, None, k + 1 :]
    y[...] = a


def _lu_gradient(xp: Any, g: Any, y: Any) -> Any:
    n = y.shape[-1]
    strict = np.tri(n, k=-1).astype(y.dtype)
    low, up = y * strict + np.eye(n, dtype=y.dtype), y * (1 - strict)
    inner = (turned(low) @ (g * strict)) * strict + ((g * (1 - strict)) @ turned(up)) * (1 - strict)
    return turned(solve(up, turned(solve(turned(low), inner))))


lu_square = op(  # L and U of a square matrix in one, L's ones left out
    "lu_square(x) -> y",
    shape=square,
    forward=_lu_square,
    grads={"x": _lu_gradient},
    samples=_SQUARES,
)
