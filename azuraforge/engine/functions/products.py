"""Products of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import (
    alias,
    axis_of,
    function,
    tensor_of,
)
from azuraforge.engine.functions.reduce import sum, unsqueezed
from azuraforge.engine.ops import matmul as products
from azuraforge.engine.ops import rounding
from azuraforge.engine.ops.shape import permute, reshape
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import DTypeError, ShapeError


def _dimensions(what: str, x: Tensor, *allowed: int) -> None:
    if tensor_of(x, what).ndim not in allowed:
        raise ShapeError(
            f"{what} has shape {x.shape}; allowed: {' or '.join(map(str, allowed))} dimensions"
        )


def only_same_type(*tensors: Tensor) -> None:
    if len({x.dtype for x in tensors}) > 1:
        raise DTypeError(f"element types {[str(x.dtype) for x in tensors]}; allowed: equal types")


@function("matmul")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of matrices or vectors, over the last axes."""
    only_same_type(tensor_of(input), tensor_of(other, "other"))
    return products.matmul(input, other)


alias("linalg.matmul", of="matmul")


def _product(name: str, left: int, right: int, text: str) -> Any:
    def call(input: Tensor, other: Tensor) -> Tensor:
        _dimensions("input", input, left)
        _dimensions("other", other, right)
        if left == 3 and input.shape[0] != other.shape[0]:
            raise ShapeError(f"batches differ, {input.shape} @ {other.shape}")
        only_same_type(input, other)
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
    only_same_type(input, tensor)
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


def constant_like(y: Tensor, x: Tensor) -> Tensor:
    """y, with the gradient 0 with regard to x of its shape."""
    return rounding.where(Tensor(np.zeros((), np.bool_)), x, y)


def eye_like(A: Tensor) -> Tensor:
    return Tensor(module_of(A.data).eye(A.shape[-1], dtype=A.dtype))
