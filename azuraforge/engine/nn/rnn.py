"""LSTM."""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.module import Module, Parameter
from azuraforge.engine.ops import recurrent
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

State = tuple[Tensor, Tensor]


class LSTM(Module):
    """Long short-term memory over sequences, `num_layers` on top of one another.

    i, f, o = σ(W x + U h + b), g = tanh(W x + U h + b), c' = f c + i g, h' = o tanh(c')

    Shape:  x (time, batch, input_size), or (batch, time, input_size) where batch_first;
            states (num_layers, batch, hidden_size) -> outputs like x, (h_n, c_n)
    Source: Hochreiter and Schmidhuber (1997); gates in PyTorch's order i, f, g, o.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        batch_first: bool = False,
        dropout: float = 0.0,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = dropout
        bound = 1 / math.sqrt(hidden_size)
        for layer in range(num_layers):
            width = hidden_size if layer else input_size
            shapes = {
                "weight_ih": (width,),
                "weight_hh": (hidden_size,),
                "bias_ih": (),
                "bias_hh": (),
            }
            for name, rest in shapes.items():
                parameter = Parameter(np.empty((4 * hidden_size, *rest), np.float32))
                init.uniform_(parameter, -bound, bound, generator)
                setattr(self, f"{name}_l{layer}", parameter)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if x.ndim != 3:
            raise ShapeError(f"LSTM: input {x.shape}; allowed: three axes, of which one the batch")
        y = x.transpose(0, 1) if self.batch_first else x
        h, c = self._zeros(y) if state is None else state
        self._check(y, h, c)
        ends: list[State] = []
        for layer in range(self.num_layers):
            if layer:
                y = functional.dropout(y, self.dropout, self.training)
            weights = [
                self._parameters[f"{name}_l{layer}"]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            ]
            y, h_n, c_n = recurrent.lstm(y, *weights, h[layer], c[layer])
            ends.append((h_n, c_n))
        y = y.transpose(0, 1) if self.batch_first else y
        h_n, c_n = (cast(Tensor, layout.stack(*each)) for each in zip(*ends, strict=True))
        return y, (h_n, c_n)

    def _zeros(self, x: Tensor) -> State:
        shape = (self.num_layers, x.shape[1], self.hidden_size)
        zeros = Tensor(module_of(x.data).zeros(shape, x.dtype))
        return zeros, zeros

    def _check(self, x: Tensor, h: Tensor, c: Tensor) -> None:
        expected = (self.num_layers, x.shape[1], self.hidden_size)
        if h.shape != expected or c.shape != expected:
            raise ShapeError(f"LSTM: states {h.shape} and {c.shape}; allowed: {expected}")

    def extra_repr(self) -> str:
        return f"hidden_size={self.hidden_size}, num_layers={self.num_layers}"
