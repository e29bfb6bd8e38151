"""Recurrent layers: RNN, LSTM and GRU, one call of an op for each layer and direction."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, cast

import numpy as np

from azuraforge.engine import autocast
from azuraforge.engine.device import module_of
from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.module import Module, Parameter, placed
from azuraforge.engine.nn.packed import Run, backward, forward, runs_of
from azuraforge.engine.nn.settings import check_sizes, check_truths
from azuraforge.engine.nn.utils.rnn import PackedSequence
from azuraforge.engine.ops import elman, recurrent
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

__all__ = ["GRU", "LSTM", "RNN"]

States = tuple[Tensor, ...]


class Recurrent(Module):
    """What RNN, LSTM and GRU share: parameters, states, directions, layers on top of one another.

    Shape:  input (time, batch, input_size), (batch, time, input_size) where batch_first, (time,
            input_size), or a PackedSequence; states (directions num_layers, batch, hidden_size)
            -> outputs like the input, (…, directions hidden_size), and the states at the end
    Raises: ShapeError, ConfigError.
    """

    gates: ClassVar[int]
    states: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_sizes(name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        check_truths(name, bias=bias, batch_first=batch_first, bidirectional=bidirectional)
        self._check_settings(hidden_size, num_layers, dropout, proj_size)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._endings = ("", "_reverse") if bidirectional else ("",)
        bound = 1 / math.sqrt(hidden_size)
        for layer in range(num_layers):
            for ending in self._endings:
                for name, shape in self._shapes(layer).items():
                    parameter = Parameter(np.empty(shape, np.float32))
                    init.uniform_(parameter, -bound, bound, generator)
                    setattr(self, f"{name}_l{layer}{ending}", parameter)
        placed(self, device, dtype)

    def _check_settings(self, hidden: int, layers: int, dropout: float, proj_size: int) -> None:
        name = type(self).__name__
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ConfigError(f"{name}: dropout is {dropout}; allowed: 0 to 1")
        if not 0 <= proj_size < hidden:
            raise ConfigError(f"{name}: proj_size is {proj_size}; allowed: 0 to {hidden - 1}")
        if dropout and layers == 1:
            warnings.warn(
                f"{name}: dropout {dropout} does nothing with one layer; it is between layers",
                stacklevel=4,
            )

    @property
    def output_size(self) -> int:
        """How wide the output of one direction is."""
        return self.proj_size or self.hidden_size

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        rows = self.gates * self.hidden_size
        width = self.output_size * len(self._endings) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, width),
            "weight_hh": (rows, self.output_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

    def cell(self, x: Tensor, weights: States, states: States) -> States:
        """The outputs of one layer in one direction, and its states at the end."""
        raise NotImplementedError(f"{type(self).__name__}.cell is for a subclass to write")

    def run(self, input: Any, states: States | None) -> tuple[Any, States]:
        """The outputs of the last layer, and each state of every layer after the last step."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, states)
        if input.ndim not in (2, 3):
            raise ShapeError(
                f"{type(self).__name__}: input {input.shape}; allowed: (time, batch, features), "
                "the batch first where batch_first, or (time, features)"
            )
        if input.ndim == 2:
            one = None if states is None else tuple(self._batched(state) for state in states)
            y, ends = self._layers(input.reshape(len(input), 1, -1), one, None)
            return y[:, 0], tuple(end[:, 0] for end in ends)
        y, ends = self._layers(input.transpose(0, 1) if self.batch_first else input, states, None)
        return y.transpose(0, 1) if self.batch_first else y, ends

    def _batched(self, state: Tensor) -> Tensor:
        if state.ndim != 2:
            raise ShapeError(
                f"{type(self).__name__}: state {state.shape}; allowed without a batch: two axes"
            )
        return state.reshape(state.shape[0], 1, -1)

    def _run_packed(
        self, packed: PackedSequence, states: States | None
    ) -> tuple[PackedSequence, States]:
        if packed.data.ndim != 2:
            raise ShapeError(
                f"{type(self).__name__}: packed rows {packed.data.shape}; allowed: 2 axes"
            )
        there, back = packed.sorted_indices, packed.unsorted_indices
        if states is not None and there is not None:
            states = tuple(state[:, there] for state in states)
        y, ends = self._layers(packed.data, states, runs_of(packed.steps))
        if back is not None:
            ends = tuple(end[:, back] for end in ends)
        return packed.with_data(y), ends

    def _layers(
        self, x: Tensor, states: States | None, runs: list[Run] | None
    ) -> tuple[Tensor, States]:
        batch = x.shape[1] if runs is None else runs[0][2]
        begin = self._begin(x, batch, states)
        ends: list[States] = []
        for layer in range(self.num_layers):
            if layer:
                x = functional.dropout(x, self.dropout, self.training)
            found = []
            for ending in self._endings:
                own = tuple(state[len(ends)] for state in begin)
                y, *end = self._direction(x, f"_l{layer}{ending}", own, runs)
                found.append(y)
                ends.append(tuple(end))
            x = found[0] if len(found) == 1 else cast(Tensor, layout.cat(*found, axis=-1))
        return x, tuple(cast(Tensor, layout.stack(*each)) for each in zip(*ends, strict=True))

    def _direction(self, x: Tensor, ending: str, states: States, runs: list[Run] | None) -> States:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        given = [self._parameters.get(f"{name}{ending}") for name in names]
        if not self.bias:
            rows = self.gates * self.hidden_size
            given[2] = given[3] = Tensor(module_of(x.data).zeros(rows, x.dtype))  # type: ignore[call-overload]
        weights = tuple(weight for weight in given if weight is not None)
        turns = ending.endswith("reverse")
        run = partial(self._turned if turns else self.cell, weights=weights)
        if runs is None:
            return run(x, states=states)
        return (backward if turns else forward)(run, x, states, runs)

    def _turned(self, x: Tensor, weights: States, states: States) -> States:
        """From the last step to the first."""
        y, *ends = self.cell(x[::-1], weights, states)
        return (y[::-1], *ends)

    def _begin(self, x: Tensor, batch: int, states: States | None) -> States:
        """The states given, or zeros. Raises: ShapeError."""
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: input {x.shape}; allowed: input_size, "
                f"{self.input_size}, features"
            )
        weight = self._parameters["weight_ih_l0"]
        if x.dtype != weight.dtype and autocast.current() is None:
            raise DTypeError(
                f"{type(self).__name__}: input {x.dtype}, weights {weight.dtype}; allowed: equal "
                f"types; use input.to({str(weight.dtype)!r}) or model.to({str(x.dtype)!r})"
            )
        count = self.num_layers * len(self._endings)
        widths = (self.output_size, self.hidden_size)[: self.states]
        expected = [(count, batch, width) for width in widths]
        if states is None:
            zeros = {shape: module_of(x.data).zeros(shape, x.dtype) for shape in expected}
            return tuple(Tensor(zeros[shape]) for shape in expected)
        if [state.shape for state in states] != expected:
            given = " and ".join(str(state.shape) for state in states)
            allowed = " and ".join(map(str, expected))
            raise ShapeError(f"{type(self).__name__}: states {given}; allowed: {allowed}")
        return states

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"


class RNN(Recurrent):
    """h' = tanh(W x + a + U h + b), or relu, over sequences.

    Source: Elman (1990), Finding structure in time.
    """

    gates, states = 1, 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ConfigError(f"RNN: nonlinearity is {nonlinearity!r}; allowed: 'tanh', 'relu'")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0,
            device, dtype, generator=generator,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def cell(self, x: Tensor, weights: States, states: States) -> States:
        return cast(States, elman.rnn(x, *weights, *states, nonlinearity=self.nonlinearity))

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        y, (h_n,) = self.run(input, None if hx is None else (hx,))
        return y, h_n


class LSTM(Recurrent):
    """Long short-term memory over sequences.

    i, f, o = σ(W x + U h + b), g = tanh(W x + U h + b), c' = f c + i g, h' = o tanh(c'), or a
    product R (o tanh(c')) of proj_size

    Source: Hochreiter and Schmidhuber (1997); gates in PyTorch's order i, f, g, o.
    """

    gates, states = 4, 2

    def cell(self, x: Tensor, weights: States, states: States) -> States:
        if self.proj_size:
            return _projected(x, weights, states)
        return cast(States, recurrent.lstm(x, *weights, *states))

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        if isinstance(hx, Tensor) or (hx is not None and len(hx) != 2):
            raise ConfigError("LSTM: hx is one tensor; allowed: a tuple (h, c), or None")
        y, (h_n, c_n) = self.run(input, None if hx is None else tuple(hx))
        return y, (h_n, c_n)


def _projected(x: Tensor, weights: States, states: States) -> States:
    """An LSTM whose output goes through a product, step by step."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    (h, c), outputs = states, []
    for given in functional.linear(x, w_ih, b_ih + b_hh):
        i, f, g, o = _gates(given + h @ w_hh.T, 4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = (o.sigmoid() * c.tanh()) @ w_hr.T
        outputs.append(h)
    return cast(Tensor, layout.stack(*outputs)), h, c


def _gates(x: Tensor, count: int) -> Iterator[Tensor]:
    width = x.shape[-1] // count
    return (x[:, i * width : (i + 1) * width] for i in range(count))


class GRU(Recurrent):
    """Gated recurrent units over sequences.

    r, z = σ(W x + a + U h + b), n = tanh(W x + a + r (U h + b)), h' = (1 - z) n + z h

    Source: Cho et al. (2014), in cuDNN's form, where r acts after U; gates in the order r, z, n.
    """

    gates, states = 3, 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0,
            device, dtype, generator=generator,
        )  # fmt: skip

    def cell(self, x: Tensor, weights: States, states: States) -> States:
        return cast(States, recurrent.gru(x, *weights, *states))

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        y, (h_n,) = self.run(input, None if hx is None else (hx,))
        return y, h_n
