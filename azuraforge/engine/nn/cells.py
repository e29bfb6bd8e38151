"""One step of a recurrent layer."""

from __future__ import annotations

import math
from typing import Any, ClassVar, cast

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.nn import init
from azuraforge.engine.nn.module import Module, Parameter, placed
from azuraforge.engine.nn.settings import check_sizes
from azuraforge.engine.ops import elman, recurrent
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]

States = tuple[Tensor, ...]


class Cell(Module):
    """What the cells share: parameters, states, inputs without a batch.

    Shape:  input (batch, input_size) or (input_size,); each state (batch, hidden_size) or
            (hidden_size,) -> each state
    Raises: ShapeError.
    """

    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_sizes(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows, bound = self.gates * hidden_size, 1 / math.sqrt(hidden_size)
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, input_size),
            "weight_hh": (rows, hidden_size),
        }
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
        for name, shape in shapes.items():
            parameter = Parameter(np.empty(shape, np.float32))
            init.uniform_(parameter, -bound, bound, generator)
            setattr(self, name, parameter)
        placed(self, device, dtype)

    def step(self, op: Any, input: Tensor, states: States, **settings: Any) -> States:
        """What a cell over sequences makes of a sequence of one step: the states after it."""
        self._check(input, states)
        x = input.reshape(1, *((1,) if input.ndim == 1 else ()), *input.shape)
        rows = tuple(state.reshape(x.shape[1], -1) for state in states)
        zeros = Tensor(module_of(x.data).zeros(self.gates * self.hidden_size, x.dtype))
        bias = [self._parameters.get(name, zeros) for name in ("bias_ih", "bias_hh")]
        weights = (self._parameters["weight_ih"], self._parameters["weight_hh"])
        _, *ends = op(x, *weights, *bias, *rows, **settings)
        return tuple(end[0] if input.ndim == 1 else end for end in ends)

    def zeros(self, input: Tensor) -> Tensor:
        """A state to begin with."""
        shape = (*input.shape[:-1], self.hidden_size)
        return Tensor(module_of(input.data).zeros(shape, input.dtype))

    def _check(self, input: Tensor, states: States) -> None:
        expected = (*input.shape[:-1], self.hidden_size)
        fits = input.ndim in (1, 2) and input.shape[-1] == self.input_size
        if not fits or any(state.shape != expected for state in states):
            given = " and ".join(str(state.shape) for state in states)
            raise ShapeError(
                f"{type(self).__name__}: input {input.shape}, states {given}; allowed: "
                f"(batch, {self.input_size}) or ({self.input_size},), and states of "
                f"{self.hidden_size} for each"
            )

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


class RNNCell(Cell):
    """h' = tanh(W x + a + U h + b), or relu."""

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ConfigError(f"RNNCell: nonlinearity is {nonlinearity!r}; allowed: 'tanh', 'relu'")
        super().__init__(input_size, hidden_size, bias, device, dtype, generator=generator)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        state = self.zeros(input) if hx is None else hx
        return self.step(elman.rnn, input, (state,), nonlinearity=self.nonlinearity)[0]


class GRUCell(Cell):
    """r, z = σ(W x + a + U h + b), n = tanh(W x + a + r (U h + b)), h' = (1 - z) n + z h."""

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self.step(recurrent.gru, input, (self.zeros(input) if hx is None else hx,))[0]


class LSTMCell(Cell):
    """i, f, o = σ(W x + U h + b), g = tanh(W x + U h + b), c' = f c + i g, h' = o tanh(c')."""

    gates = 4

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        states = (self.zeros(input),) * 2 if hx is None else tuple(hx)
        return cast(tuple[Tensor, Tensor], self.step(recurrent.lstm, input, states))
