"""Recurrent layers: LSTM and GRU."""

from __future__ import annotations

import math
from typing import ClassVar, cast

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.module import Module, Parameter
from azuraforge.engine.ops import Op, recurrent
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

__all__ = ["GRU", "LSTM"]

States = tuple[Tensor, ...]


class Recurrent(Module):
    """What LSTM and GRU share: parameters, beginning states, layers on top of one another."""

    cell: ClassVar[Op]
    gates: ClassVar[int]
    states: ClassVar[int]

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
                parameter = Parameter(np.empty((self.gates * hidden_size, *rest), np.float32))
                init.uniform_(parameter, -bound, bound, generator)
                setattr(self, f"{name}_l{layer}", parameter)

    def run(self, x: Tensor, states: States | None) -> tuple[Tensor, States]:
        """The outputs of the last layer, and each state of every layer after the last step."""
        if x.ndim != 3:
            raise ShapeError(
                f"{type(self).__name__}: input {x.shape}; allowed: three axes, of which one the "
                "batch"
            )
        y = x.transpose(0, 1) if self.batch_first else x
        begin = self._zeros(y) if states is None else states
        self._check(y, begin)
        ends: list[States] = []
        for layer in range(self.num_layers):
            if layer:
                y = functional.dropout(y, self.dropout, self.training)
            weights = [
                self._parameters[f"{name}_l{layer}"]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            ]
            y, *end = self.cell(y, *weights, *(state[layer] for state in begin))
            ends.append(tuple(end))
        y = y.transpose(0, 1) if self.batch_first else y
        return y, tuple(cast(Tensor, layout.stack(*each)) for each in zip(*ends, strict=True))

    def _zeros(self, x: Tensor) -> States:
        shape = (self.num_layers, x.shape[1], self.hidden_size)
        return (Tensor(module_of(x.data).zeros(shape, x.dtype)),) * self.states

    def _check(self, x: Tensor, states: States) -> None:
        expected = (self.num_layers, x.shape[1], self.hidden_size)
        if any(state.shape != expected for state in states):
            given = " and ".join(str(state.shape) for state in states)
            raise ShapeError(f"{type(self).__name__}: states {given}; allowed: {expected}")

    def extra_repr(self) -> str:
        return f"hidden_size={self.hidden_size}, num_layers={self.num_layers}"


class LSTM(Recurrent):
    """Long short-term memory over sequences, `num_layers` on top of one another.

    i, f, o = σ(W x + U h + b), g = tanh(W x + U h + b), c' = f c + i g, h' = o tanh(c')

    Shape:  x (time, batch, input_size), or (batch, time, input_size) where batch_first;
            states (num_layers, batch, hidden_size) -> outputs like x, (h_n, c_n)
    Source: Hochreiter and Schmidhuber (1997); gates in PyTorch's order i, f, g, o.
    """

    cell, gates, states = recurrent.lstm, 4, 2

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y, (h_n, c_n) = self.run(x, state)
        return y, (h_n, c_n)


class GRU(Recurrent):
    """Gated recurrent units over sequences, `num_layers` on top of one another.

    r, z = σ(W x + a + U h + b), n = tanh(W x + a + r (U h + b)), h' = (1 - z) n + z h

    Shape:  as for LSTM; the state is h alone, -> outputs like x, h_n
    Source: Cho et al. (2014), in cuDNN's form, where r acts after U; gates in the order r, z, n.
    """

    cell, gates, states = recurrent.gru, 3, 1

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, (h_n,) = self.run(x, None if state is None else (state,))
        return y, h_n
