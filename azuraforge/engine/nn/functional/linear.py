"""Products with weights."""

from __future__ import annotations

from typing import cast

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import function
from azuraforge.engine.ops import matmul
from azuraforge.engine.tensor import Tensor

__all__ = ["linear"]


@function("nn.functional.linear")
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x wᵀ + b. Shape: x (…, in), weight (out, in), bias (out,) -> (…, out)"""
    b = module_of(weight.data).zeros(len(weight), weight.dtype) if bias is None else bias
    return cast(Tensor, matmul.linear(input, weight, b))
