"""Layers that are one product: Linear; and those without parameters around it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.module import Module, Parameter, placed
from azuraforge.engine.nn.settings import check_sizes
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor

__all__ = ["Linear"]


class Linear(Module):
    """y = x Wᵀ + b.

    Shape: (…, in_features) -> (…, out_features); weight (out, in), bias (out,)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_sizes("Linear", 0, in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(np.empty((out_features, in_features), np.float32))
        init.kaiming_uniform_(self.weight, math.sqrt(5), generator=generator)
        self.bias = None
        if bias:
            bound = 1 / math.sqrt(in_features) if in_features else 0.0
            self.bias = Parameter(np.empty(out_features, np.float32))
            init.uniform_(self.bias, -bound, bound, generator)
        placed(self, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
