"""Recurrent layers, step by step: any activations, directions, lengths and layouts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.nn import functional as F
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.converter import converter

Function = Callable[[Any], Any]
Step = Callable[[Tensor, list[Any]], list[Any]]  # (x of one step, states) -> states
Numbers = list[float] | None


@converter("RNN", host="lengths")
def rnn(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Any = None,
    initial_h: Tensor | None = None, *, activation_alpha: Numbers = None,
    activation_beta: Numbers = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0, output_sequence: int = 0,
) -> Any:  # fmt: skip
    """h = f(W x + Wb + R h + Rb)"""

    def cell(at: int) -> Step:
        (f,) = functions.of(at)
        bias = _bias(b, at)

        def step(x_t: Tensor, states: list[Any]) -> list[Any]:
            return [f(limited(_product(x_t, w[at]) + _product(states[0], r[at]) + bias))]

        return step

    functions = Activations(activations or ["Tanh"], activation_alpha, activation_beta, 1)
    limited = _limited(clip)
    return _run(x, cell, direction, lengths, layout, [initial_h], r.shape[2])


@converter("GRU", host="lengths")
def gru(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Any = None,
    initial_h: Tensor | None = None, *, activation_alpha: Numbers = None,
    activation_beta: Numbers = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0, linear_before_reset: int = 0, output_sequence: int = 0,
) -> Any:  # fmt: skip
    """Gates z, r, h: h' = (1 - z) g(h) + z h; the reset before or after the product with R."""

    def cell(at: int) -> Step:
        f, g = functions.of(at)
        size = r.shape[2]
        w_b, r_b = _biases(b, at)

        def step(x_t: Tensor, states: list[Any]) -> list[Any]:
            (h,) = states
            ours = az.split(_product(x_t, w[at]) + w_b, size, 1)
            gates = az.split(_product(h, r[at, : 2 * size]), size, 1)
            bias = [r_b[i * size : (i + 1) * size] if b is not None else 0.0 for i in range(3)]
            z = f(limited(ours[0] + gates[0] + bias[0]))
            reset = f(limited(ours[1] + gates[1] + bias[1]))
            last = r[at, 2 * size :]
            if linear_before_reset:
                inner = reset * (_product(h, last) + bias[2])
            else:
                inner = _product(reset * h, last) + bias[2]
            return [(1 - z) * g(limited(ours[2] + inner)) + z * h]

        return step

    functions = Activations(
        activations or ["Sigmoid", "Tanh"], activation_alpha, activation_beta, 2
    )
    limited = _limited(clip)
    return _run(x, cell, direction, lengths, layout, [initial_h], r.shape[2])


@converter("LSTM", host="lengths")
def lstm(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Any = None,
    initial_h: Tensor | None = None, initial_c: Tensor | None = None, p: Tensor | None = None,
    *, activation_alpha: Numbers = None, activation_beta: Numbers = None,
    activations: list[str] | None = None, clip: float | None = None,
    direction: str = "forward", hidden_size: int | None = None, input_forget: int = 0,
    layout: int = 0, output_sequence: int = 0,
) -> Any:  # fmt: skip
    """Gates i, o, f, c; `p` are the peepholes through which gates i, o and f see the cell."""

    def cell(at: int) -> Step:
        f, g, last = functions.of(at)
        size = r.shape[2]
        bias = _bias(b, at)
        peep = [p[at, i * size : (i + 1) * size] if p is not None else 0.0 for i in range(3)]

        def step(x_t: Tensor, states: list[Any]) -> list[Any]:
            h, c = states
            gates = az.split(_product(x_t, w[at]) + _product(h, r[at]) + bias, size, 1)
            i = f(limited(gates[0] + peep[0] * c))
            forget = 1 - i if input_forget else f(limited(gates[2] + peep[2] * c))
            c = forget * c + i * g(limited(gates[3]))
            o = f(limited(gates[1] + peep[1] * c))
            return [o * last(c), c]

        return step

    names = activations or ["Sigmoid", "Tanh", "Tanh"]
    functions = Activations(names, activation_alpha, activation_beta, 3)
    limited = _limited(clip)
    return _run(x, cell, direction, lengths, layout, [initial_h, initial_c], r.shape[2])


def _run(
    x: Tensor,
    cell: Callable[[int], Step],
    direction: str,
    lengths: Any,
    layout: int,
    initial: list[Any],
    size: int,
) -> Any:
    """All outputs, and the last states, of one or both directions.

    Shape: x (time, batch, features) -> (time, directions, batch, size), (directions, batch, size)…;
           with layout 1 the batch comes first everywhere.
    """
    if direction not in ("forward", "reverse", "bidirectional"):
        raise ConfigError(f"direction is {direction!r}; allowed: forward, reverse, bidirectional")
    if layout:
        x = az.transpose(x, 0, 1)
        initial = [None if each is None else az.transpose(each, 0, 1) for each in initial]
    outputs, states = [], []
    backwards = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    for at, is_backward in enumerate(backwards):
        zeros = Tensor(np.zeros((x.shape[1], size), x.dtype)).to(x.device)
        begin = [zeros if each is None else each[at] for each in initial]
        found, last = _one_direction(x, cell(at), begin, lengths, is_backward=is_backward)
        outputs.append(found)
        states.append(last)
    y = az.stack(outputs, 1)
    ends = [az.stack(list(each), 0) for each in zip(*states, strict=True)]
    if layout:
        y = az.permute(y, 2, 0, 1, 3)
        ends = [az.transpose(each, 0, 1) for each in ends]
    return y, *ends


def _one_direction(
    x: Tensor, step: Step, states: list[Any], lengths: Any, *, is_backward: bool
) -> tuple[Any, list[Any]]:
    """Outputs and last states; beyond a series' length the output is zero and states stay."""
    steps = range(x.shape[0] - 1, -1, -1) if is_backward else range(x.shape[0])
    outputs: list[Any] = [None] * x.shape[0]
    for t in steps:
        new = step(x[t], states)
        output = new[0]
        if lengths is not None and min(lengths) < x.shape[0]:
            runs = Tensor((t < np.asarray(lengths))[:, None])
            output = az.where(runs, output, az.zeros_like(output))
            new = [az.where(runs, a, b) for a, b in zip(new, states, strict=True)]
        outputs[t], states = output, new
    return az.stack(outputs, 0), states


def _product(x: Any, w: Any) -> Any:
    return az.matmul(x, az.transpose(w, 0, 1))


def _biases(b: Tensor | None, at: int) -> tuple[Any, Any]:
    """Those of W and of R."""
    if b is None:
        return 0.0, 0.0
    half = b.shape[1] // 2
    return b[at, :half], b[at, half:]


def _bias(b: Tensor | None, at: int) -> Any:
    ours, theirs = _biases(b, at)
    return ours + theirs


def _limited(clip: float | None) -> Function:
    return (lambda x: x) if clip is None else (lambda x: az.clamp(x, -clip, clip))


class Activations:
    """The functions of each direction's gates; parameters go to those that take them, in order."""

    def __init__(self, names: list[str], alpha: Numbers, beta: Numbers, count: int) -> None:
        alphas, betas = iter(alpha or []), iter(beta or [])
        self._functions = [_function(name, alphas, betas) for name in names]
        self._count = count

    def of(self, direction: int) -> list[Function]:
        begin = direction * self._count
        found = self._functions[begin : begin + self._count]
        return found or self._functions[: self._count]


def _function(name: str, alphas: Any, betas: Any) -> Function:
    plain: dict[str, Function] = {
        "relu": az.relu, "tanh": az.tanh, "sigmoid": az.sigmoid, "softsign": F.softsign,
        "softplus": F.softplus,
    }  # fmt: skip
    key = name.lower()
    if key in plain:
        return plain[key]
    defaults = {
        "affine": (1.0, 0.0), "leakyrelu": (0.01, None), "thresholdedrelu": (1.0, None),
        "scaledtanh": (1.0, 1.0), "hardsigmoid": (0.2, 0.5), "elu": (1.0, None),
    }  # fmt: skip
    if key not in defaults:
        raise ConfigError(f"activation {name!r}; allowed: {', '.join([*plain, *defaults])}")
    first, second = defaults[key]
    a = next(alphas, first)
    b = second if second is None else next(betas, second)
    return {
        "affine": lambda x: a * x + b,
        "leakyrelu": lambda x: F.leaky_relu(x, a),
        "thresholdedrelu": lambda x: az.where(x > a, x, az.zeros_like(x)),
        "scaledtanh": lambda x: a * az.tanh(b * x),
        "hardsigmoid": lambda x: az.clamp(a * x + b, 0, 1),
        "elu": lambda x: F.elu(x, a),
    }[key]
