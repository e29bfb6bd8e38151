"""Products and powers of several matrices."""

from __future__ import annotations

from collections.abc import Sequence

from azuraforge.engine.functions.function import (
    alias,
    function,
)
from azuraforge.engine.functions.products import constant_like, eye_like
from azuraforge.engine.functions.solve import inv
from azuraforge.engine.ops import linalg
from azuraforge.engine.ops import matmul as products
from azuraforge.engine.ops.shape import expand
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError


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
        return constant_like(expand(eye_like(A), shape=A.shape), A)
    y = None
    while n:
        if n & 1:
            y = A if y is None else y @ A
        n >>= 1
        A = A @ A if n else A
    assert y is not None
    return y


alias("matrix_power", of="linalg.matrix_power")


@function("matrix_exp")
def matrix_exp(A: Tensor) -> Tensor:
    """Σ Aⁿ / n!."""
    return linalg.matrix_exp(A)


alias("linalg.matrix_exp", of="matrix_exp")
