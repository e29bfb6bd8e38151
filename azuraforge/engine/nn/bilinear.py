"""Layers of forms in two inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.module import Module, Parameter, placed
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor

__all__ = ["Bilinear"]


class Bilinear(Module):
    """y[o] = x1ᵀ W[o] x2 + b[o].

    Shape: (…, in1_features), (…, in2_features) -> (…, out_features); weight (out, in1, in2),
           bias (out,)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        bound = 1 / math.sqrt(in1_features)
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(np.empty(shape, np.float32))
        init.uniform_(self.weight, -bound, bound, generator)
        self.bias = None
        if bias:
            self.bias = Parameter(np.empty(out_features, np.float32))
            init.uniform_(self.bias, -bound, bound, generator)
        placed(self, device, dtype)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return functional.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
