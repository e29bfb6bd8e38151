"""Recurrent layers: by the engine's cells where they are the usual ones, else step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.ops import recurrent
from azuraforge.engine.ops.op import Op
from azuraforge.engine.tensor import Tensor
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.series import (
    Activations,
    Function,
    Fused,
    Numbers,
    Step,
    are_full,
    run,
)
from azuraforge.interop.onnx.values import chosen


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
    return run(x, cell, direction, lengths, layout, [initial_h], r.shape[2])


@converter("GRU", host="lengths")
def gru(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Any = None,
    initial_h: Tensor | None = None, *, activation_alpha: Numbers = None,
    activation_beta: Numbers = None, activations: list[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int | None = None,
    layout: int = 0, linear_before_reset: int = 0, output_sequence: int = 0,
) -> Any:  # fmt: skip
    """Gates z, r, h: h' = (1 - z) g(h) + z h; the reset before or after the product with R."""

    names = activations or ["Sigmoid", "Tanh"] * w.shape[0]
    is_usual = names == ["Sigmoid", "Tanh"] * w.shape[0] and linear_before_reset
    is_plain = is_usual and clip is None and are_full(lengths, x, layout)

    def cell(at: int) -> Step | Fused:
        if is_plain:
            return _fused(recurrent.gru, w[at], r[at], _biases(b, at), [1, 0, 2])
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

    functions = Activations(names, activation_alpha, activation_beta, 2)
    limited = _limited(clip)
    return run(x, cell, direction, lengths, layout, [initial_h], r.shape[2])


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
    names = activations or ["Sigmoid", "Tanh", "Tanh"] * w.shape[0]
    is_usual = names == ["Sigmoid", "Tanh", "Tanh"] * w.shape[0] and not input_forget
    is_plain = is_usual and p is None and clip is None and are_full(lengths, x, layout)

    def cell(at: int) -> Step | Fused:
        if is_plain:
            return _fused(recurrent.lstm, w[at], r[at], _biases(b, at), [0, 2, 3, 1])
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

    functions = Activations(names, activation_alpha, activation_beta, 3)
    limited = _limited(clip)
    return run(x, cell, direction, lengths, layout, [initial_h, initial_c], r.shape[2])


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


def _fused(op: Op, w: Any, r: Any, biases: tuple[Any, Any], order: list[int]) -> Fused:
    """One of the engine's cells, whose gates come in this order."""
    rows = np.arange(w.shape[0]).reshape(len(order), -1)[order].reshape(-1)
    weights = [chosen(each, 0, rows) for each in (w, r)]
    zeros = az.zeros(w.shape[0], dtype=w.dtype, device=w.device)
    shifts = [zeros if isinstance(each, float) else chosen(each, 0, rows) for each in biases]
    return Fused(lambda x, states: op(x, *weights, *shifts, *states))
