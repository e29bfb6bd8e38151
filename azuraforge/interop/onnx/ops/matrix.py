"""Products of matrices and what linear algebra there is."""

from __future__ import annotations

from typing import Any

import azuraforge as az
from azuraforge.engine.tensor import Tensor
from azuraforge.interop.onnx.converter import convert, converter

convert(MatMul=az.matmul, Det=az.linalg.det)


@converter("Gemm")
def gemm(
    a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float = 1.0, beta: float = 1.0,
    transA: int = 0, transB: int = 0, broadcast: int = 0,
) -> Any:  # fmt: skip
    """alpha a b + beta c, with a or b transposed."""
    y = az.matmul(a.T if transA else a, b.T if transB else b)
    y = y if alpha == 1 else alpha * y
    if c is None:
        return y
    return (y + (c if beta == 1 else beta * c)).to(a.dtype)


@converter("Einsum", since=12)
def einsum(*xs: Tensor, equation: str) -> Any:
    return az.einsum(equation, *xs)
