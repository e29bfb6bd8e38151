"""Running recurrent cells over series: directions, lengths, layouts, and their activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.nn import functional as F
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

Function = Callable[[Any], Any]
Step = Callable[[Tensor, list[Any]], list[Any]]  # (x of one step, states) -> states
Numbers = list[float] | None


@dataclass(frozen=True)
class Fused:
    """A cell that goes over a whole series at once: (x, states) -> (outputs, *states)."""

    whole: Callable[[Tensor, list[Any]], Any]


def run(
    x: Tensor,
    cell: Callable[[int], Step | Fused],
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
    x: Tensor, step: Step | Fused, states: list[Any], lengths: Any, *, is_backward: bool
) -> tuple[Any, list[Any]]:
    """Outputs and last states; beyond a series' length the output is zero and states stay."""
    if isinstance(step, Fused):
        y, *last = step.whole(az.flip(x, 0) if is_backward else x, states)
        return (az.flip(y, 0) if is_backward else y), last
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


def are_full(lengths: Any, x: Tensor, layout: int) -> bool:
    """Whether every series is as long as x."""
    return lengths is None or bool(min(lengths) >= x.shape[1 if layout else 0])


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
