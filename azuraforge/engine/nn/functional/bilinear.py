"""Forms in two inputs."""

from __future__ import annotations

import math
from typing import cast

from azuraforge.engine.functions.function import function
from azuraforge.engine.ops.shape import permute, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

__all__ = ["bilinear"]


@function("nn.functional.bilinear")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[o] = x1ᵀ W[o] x2 + b[o].

    Shape:  input1 (…, in1), input2 (…, in2), weight (out, in1, in2), bias (out,) -> (…, out)
    Raises: ShapeError.
    """
    out, one, other = weight.shape if weight.ndim == 3 else (0, 0, 0)
    fits = weight.ndim == 3 and min(input1.ndim, input2.ndim) > 0
    if not fits or input1.shape != (*input2.shape[:-1], one) or input2.shape[-1] != other:
        raise ShapeError(
            f"input1 {input1.shape}, input2 {input2.shape}, weight {weight.shape}; allowed: "
            "(…, in1), (…, in2), (out, in1, in2)"
        )
    if bias is not None and bias.shape != (out,):
        raise ShapeError(f"bias {bias.shape}, weight {weight.shape}; allowed: ({out},)")
    rows = math.prod(input1.shape[:-1])
    wide = reshape(permute(weight, dims=(1, 0, 2)), shape=(one, out * other))
    half = reshape(reshape(input1, shape=(rows, one)) @ wide, shape=(rows, out, other))
    y = half @ reshape(input2, shape=(rows, other, 1))
    y = reshape(y, shape=(*input1.shape[:-1], out))
    return cast(Tensor, y if bias is None else y + bias)
