"""Products of matrices, and linear algebra."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import (
    FUNCTIONS,
    alias,
    axes_of,
    axis_of,
    function,
    tensor_of,
)
from azuraforge.engine.functions.indexing import diagonal, tril, triu
from azuraforge.engine.functions.reduce import amax, amin, rooted, sum, unsqueezed
from azuraforge.engine.functions.shape import adjoint, cat, movedim
from azuraforge.engine.ops import elementwise, linalg, rounding
from azuraforge.engine.ops import matmul as products
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.shape import expand, getitem, permute, reshape
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, DTypeError, ShapeError


def _dimensions(what: str, x: Tensor, *allowed: int) -> None:
    if tensor_of(x, what).ndim not in allowed:
        raise ShapeError(
            f"{what} has shape {x.shape}; allowed: {' or '.join(map(str, allowed))} dimensions"
        )


def _same_type(*tensors: Tensor) -> None:
    if len({x.dtype for x in tensors}) > 1:
        raise DTypeError(f"element types {[str(x.dtype) for x in tensors]}; allowed: equal types")


@function("matmul")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of matrices or vectors, over the last axes."""
    _same_type(tensor_of(input), tensor_of(other, "other"))
    return products.matmul(input, other)


alias("linalg.matmul", of="matmul")


def _product(name: str, left: int, right: int, text: str) -> Any:
    def call(input: Tensor, other: Tensor) -> Tensor:
        _dimensions("input", input, left)
        _dimensions("other", other, right)
        if left == 3 and input.shape[0] != other.shape[0]:
            raise ShapeError(f"batches differ, {input.shape} @ {other.shape}")
        _same_type(input, other)
        return products.matmul(input, other)

    call.__doc__ = text
    return function(name)(call)


mm = _product("mm", 2, 2, "The product of two matrices.")
mv = _product("mv", 2, 1, "The product of a matrix and a vector.")
bmm = _product("bmm", 3, 3, "The products of matrices in two batches.")


@function("dot")
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors."""
    _dimensions("input", input, 1)
    _dimensions("tensor", tensor, 1)
    _same_type(input, tensor)
    if input.shape != tensor.shape:
        raise ShapeError(f"sizes differ, {input.shape} and {tensor.shape}")
    return products.matmul(input, tensor)


alias("vdot", of="dot")


@function("linalg.vecdot")
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The inner products of vectors along dim."""
    return sum(x * y, dim)


@function("inner")
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Products summed over the last axes."""
    if not input.ndim or not other.ndim:
        return input * other
    return tensordot(input, other, ([-1], [-1]))


@function("outer")
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """All products of elements of two vectors."""
    _dimensions("input", input, 1)
    _dimensions("vec2", vec2, 1)
    return unsqueezed(input, 1) * vec2


alias("ger", of="outer")


def _plus(input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    product = product if alpha == 1 else product * alpha
    return product if beta == 0 else (input if beta == 1 else input * beta) + product


@function("addmm")
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta input + alpha mat1 @ mat2."""
    return _plus(input, mm(mat1, mat2), beta, alpha)


@function("addmv")
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta input + alpha mat @ vec."""
    return _plus(input, mv(mat, vec), beta, alpha)


@function("baddbmm")
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta input + alpha batch1 @ batch2."""
    return _plus(input, bmm(batch1, batch2), beta, alpha)


@function("addbmm")
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta input + alpha times the sum of batch1 @ batch2 over the batch."""
    return _plus(input, sum(bmm(batch1, batch2), 0), beta, alpha)


@function("addr")
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta input + alpha times the outer product."""
    return _plus(input, outer(vec1, vec2), beta, alpha)


@function("tensordot")
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Products summed over axes of both."""
    if isinstance(dims, Tensor):
        read("tensordot")
        dims = dims.data.tolist()
    if isinstance(dims, int):
        dims = (range(-dims, 0), range(dims)) if dims else ((), ())
    of_a, of_b = (
        [axis_of(d, x.ndim) for d in each] for d, x, each in zip("ab", (a, b), dims, strict=True)
    )
    pairs = list(zip(of_a, of_b, strict=True))
    over_a = [i for i, j in pairs if b.shape[j] == 1 != a.shape[i]]
    over_b = [j for i, j in pairs if a.shape[i] == 1 != b.shape[j]]
    a, b = (sum(x, over, True) if over else x for x, over in ((a, over_a), (b, over_b)))
    if [a.shape[i] for i in of_a] != [b.shape[i] for i in of_b]:
        raise ShapeError(f"sizes differ along dims {dims} of {a.shape} and {b.shape}")
    free_a = [i for i in range(a.ndim) if i not in of_a]
    free_b = [i for i in range(b.ndim) if i not in of_b]
    shape = (*(a.shape[i] for i in free_a), *(b.shape[i] for i in free_b))
    inner = math.prod(a.shape[i] for i in of_a)
    left = reshape(
        permute(a, dims=(*free_a, *of_a)), shape=(math.prod(a.shape[i] for i in free_a), inner)
    )
    right = reshape(
        permute(b, dims=(*of_b, *free_b)), shape=(inner, math.prod(b.shape[i] for i in free_b))
    )
    return reshape(products.matmul(left, right), shape=shape)


@function("kron")
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product: every element of input times all of other."""
    n = max(input.ndim, other.ndim)
    a = (1,) * (n - input.ndim) + input.shape
    b = (1,) * (n - other.ndim) + other.shape
    left = reshape(input, shape=tuple(m for size in a for m in (size, 1)))
    right = reshape(other, shape=tuple(m for size in b for m in (1, size)))
    return reshape(left * right, shape=tuple(i * j for i, j in zip(a, b, strict=True)))


def _subscripts(equation: str, tensors: Sequence[Tensor]) -> tuple[list[list[Any]], list[Any]]:
    """The axes of each operand and of the result as labels; those of `...` are numbers."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise ShapeError(f"equation {equation!r} has {len(parts)} operands, given: {len(tensors)}")

    def labels(part: str, extra: int) -> list[Any]:
        before, dots, after = part.partition("...")
        if any(not c.isalpha() for c in before + after):
            raise ShapeError(f"equation {equation!r}: {part!r} holds more than letters and '...'")
        return [*before, *(range(-extra, 0) if dots else ()), *after]

    found = []
    for part, x in zip(parts, tensors, strict=True):
        extra = x.ndim - len(part.replace("...", ""))
        if extra < 0 or (extra and "..." not in part):
            raise ShapeError(f"equation {equation!r}: {part!r} for an operand of shape {x.shape}")
        found.append(labels(part, extra))
    most = max((len([c for c in each if isinstance(c, int)]) for each in found), default=0)
    if arrow:
        result = labels(right, most)
    else:
        every = [c for each in found for c in each if isinstance(c, str)]
        result = [*range(-most, 0), *sorted(c for c in set(every) if every.count(c) == 1)]
    unknown = [c for c in result if not any(c in each for each in found)]
    if unknown or len(set(result)) < len(result):
        raise ShapeError(f"equation {equation!r}: the result names {unknown or 'an axis twice'}")
    return found, result


def _without_repeats(x: Tensor, labels: list[Any]) -> tuple[Tensor, list[Any]]:
    """The diagonals along axes of one label."""
    labels = list(labels)
    while len(set(labels)) < len(labels):
        twice = next(c for c in labels if labels.count(c) > 1)
        i = labels.index(twice)
        j = labels.index(twice, i + 1)
        x = diagonal(x, 0, i, j)
        labels = [c for k, c in enumerate(labels) if k not in (i, j)] + [twice]
    return x, labels


def _contracted(
    a: Tensor, of_a: list[Any], b: Tensor, of_b: list[Any], kept: set[Any]
) -> tuple[Tensor, list[Any]]:
    """The product of two operands, summed over labels that nobody else has."""
    both = [c for c in of_a if c in of_b]
    batch = [c for c in both if c in kept]
    summed = [c for c in both if c not in kept]
    free_a, free_b = ([c for c in each if c not in both] for each in (of_a, of_b))
    size: dict[Any, int] = {}
    for c, n in (*zip(of_a, a.shape, strict=True), *zip(of_b, b.shape, strict=True)):
        if size.get(c, 1) not in (1, n) and n != 1:
            raise ShapeError(f"label {c!r} stands for sizes {size[c]} and {n}")
        size[c] = max(size.get(c, 1), n) if n != 0 else 0

    def arranged(x: Tensor, labels: list[Any], *groups: list[Any]) -> Tensor:
        order = [c for group in groups for c in group]
        x = permute(x, dims=tuple(labels.index(c) for c in order))
        wide = tuple(size[c] for c in order)
        x = x if x.shape == wide else expand(x, shape=wide)
        return reshape(x, shape=tuple(math.prod(size[c] for c in group) for group in groups))

    y = products.matmul(
        arranged(a, of_a, batch, free_a, summed), arranged(b, of_b, batch, summed, free_b)
    )
    labels = [*batch, *free_a, *free_b]
    return reshape(y, shape=tuple(size[c] for c in labels)), labels


@function("einsum")
def einsum(equation: str, *operands: Any) -> Tensor:
    """Products summed by Einstein's convention: "ij,jk->ik" is the product of matrices."""
    tensors = (
        list(operands[0])
        if len(operands) == 1 and isinstance(operands[0], list | tuple)
        else list(operands)
    )
    subscripts, result = _subscripts(equation, tensors)
    pairs = [_without_repeats(x, c) for x, c in zip(tensors, subscripts, strict=True)]
    x, labels = pairs[0]
    for i, (y, more) in enumerate(pairs[1:], 1):
        kept = {*result, *(c for _, each in pairs[i + 1 :] for c in each)}
        x, labels = _summed(x, labels, {*kept, *more})
        y, more = _summed(y, more, {*kept, *labels})
        x, labels = _contracted(x, labels, y, more, kept)
    x, labels = _summed(x, labels, set(result))
    return permute(x, dims=tuple(labels.index(c) for c in result))


def _summed(x: Tensor, labels: list[Any], kept: set[Any]) -> tuple[Tensor, list[Any]]:
    axes = [i for i, c in enumerate(labels) if c not in kept]
    if not axes:
        return x, labels
    return sum(x, axes), [c for c in labels if c in kept]


@function("linalg.multi_dot")
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of matrices; the first and the last may be vectors."""
    if len(tensors) < 2:
        raise ShapeError(f"{len(tensors)} tensors; allowed: at least 2")
    y = tensors[0]
    for x in tensors[1:]:
        y = products.matmul(y, x)
    return y


@function("linalg.matrix_power")
def matrix_power(A: Tensor, n: int) -> Tensor:
    """A to a whole power, of the inverse where it is negative."""
    linalg.square(A.shape)
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 0:
        return _constant(expand(_eye_like(A), shape=A.shape), A)
    y = None
    while n:
        if n & 1:
            y = A if y is None else y @ A
        n >>= 1
        A = A @ A if n else A
    assert y is not None
    return y


alias("matrix_power", of="linalg.matrix_power")


def _constant(y: Tensor, x: Tensor) -> Tensor:
    """y, with the gradient 0 with regard to x of its shape."""
    return rounding.where(Tensor(np.zeros((), np.bool_)), x, y)


def _eye_like(A: Tensor) -> Tensor:
    return Tensor(module_of(A.data).eye(A.shape[-1], dtype=A.dtype))


@function("matrix_exp")
def matrix_exp(A: Tensor) -> Tensor:
    """Σ Aⁿ / n!."""
    return linalg.matrix_exp(A)


alias("linalg.matrix_exp", of="matrix_exp")


@function("linalg.inv")
def inv(A: Tensor) -> Tensor:
    """The inverse. Raises: EngineError for a singular matrix."""
    return linalg.inv(A)


alias("inverse", of="linalg.inv")


class WithInfo(NamedTuple):
    """A result, and 0 for each matrix that was well."""

    result: Any
    info: Any


def _info(A: Tensor) -> Tensor:
    return Tensor(np.zeros(A.shape[:-2], np.int32))


@function("linalg.inv_ex")
def inv_ex(A: Tensor, *, check_errors: bool = False) -> WithInfo:
    """The inverse, and 0 for each matrix."""
    return WithInfo(linalg.inv(A), _info(A))


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
    return WithInfo(solve(A, B, left=left), _info(A))


@function("linalg.solve_triangular")
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """As solve, of one triangle of A; with ones on the diagonal where unitriangular."""
    half = triu(A, 1 if unitriangular else 0) if upper else tril(A, -1 if unitriangular else 0)
    if unitriangular:
        half = half + _eye_like(A)
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
    half = half + _eye_like(A) if unitriangular else half
    return Triangular(linalg.solve(adjoint(half) if transpose else half, b), A * 1)


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
    return WithInfo(cholesky(A, upper=upper), _info(A))


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


@function("linalg.det")
def det(A: Tensor) -> Tensor:
    """The determinant."""
    return linalg.det(A)


alias("det", of="linalg.det")


class SignLogDet(NamedTuple):
    """The sign of the determinant, and the logarithm of its size."""

    sign: Any
    logabsdet: Any


@function("linalg.slogdet")
def slogdet(A: Tensor) -> SignLogDet:
    """The sign of the determinant, and the logarithm of its size."""
    return SignLogDet(*linalg.slogdet(A))


alias("slogdet", of="linalg.slogdet")


@function("logdet")
def logdet(A: Tensor) -> Tensor:
    """The logarithm of the determinant; NaN where it is negative."""
    sign, y = linalg.slogdet(A)
    return rounding.where(elementwise.lt(sign.detach(), 0), math.nan, y)


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
    _same_type(A, B)
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


@function("linalg.cross")
def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along dim, of size 3."""
    if input.ndim != other.ndim:
        raise ShapeError(f"shapes {input.shape}, {other.shape}; allowed: as many dimensions")
    axis = axis_of(dim, input.ndim)
    shape = np.broadcast_shapes(input.shape, other.shape)
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        raise ShapeError(f"shapes {input.shape}, {other.shape}; allowed: size 3 along dim {dim}")
    a, b = (expand(x, shape=tuple(shape)) for x in (input, other))

    def turned(x: Tensor, by: int) -> Tensor:
        return layout.roll(x, shifts=(by,), axes=(axis,))

    return turned(a, -1) * turned(b, 1) - turned(a, 1) * turned(b, -1)


@function("cross")
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along dim, by default the first axis of size 3."""
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), -1)
    return linalg_cross(input, other, dim=dim)


@function("cdist")
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "") -> Tensor:
    """The p-norms of the differences of all pairs of rows."""
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"x1 {x1.shape}, x2 {x2.shape}; allowed: (…, m, width), (…, n, width)")
    apart = unsqueezed(x1, x1.ndim - 1) - unsqueezed(x2, x2.ndim - 2)
    if not apart.shape[-1]:
        return sum(apart, -1)
    return vector_norm(apart, p, -1)


@function("linalg.vander")
def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 0 to N - 1 of each element, along a new axis."""
    x = x if x.ndim else reshape(x, shape=(1,))
    count = x.shape[-1] if N is None else N
    if count < 1:
        raise ShapeError(f"N is {count}; allowed: at least 1")
    wide = expand(unsqueezed(x, x.ndim), shape=(*x.shape, count - 1))
    ones = Tensor(module_of(x.data).ones((*x.shape, 1), x.dtype))
    return cat([ones, FUNCTIONS["cumprod"](wide, -1)], -1)


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
    return y if tau.shape[-1] else _constant(y, A)


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
    low, up = tril(packed, -1) + _eye_like(packed), triu(packed)
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
    return PackedInfo(found.LU, found.pivots, _info(A))


@function("lu")
def old_lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """As linalg.lu_factor."""
    found = lu_factor(A, pivot=pivot)
    return (*found, _info(A)) if get_infos else tuple(found)


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
