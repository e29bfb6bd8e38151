"""Optimizers and gradients as operators, of the domain ai.onnx.preview.training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import azuraforge as az
from azuraforge.engine.grad.modes import enable_grad
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError
from azuraforge.interop.onnx.converter import TRAINING, converter
from azuraforge.interop.onnx.values import number

Body = Callable[..., list[Any]]


@converter("Adagrad", host="t", domain=TRAINING)
def adagrad(
    rate: Tensor, t: Any, *inputs: Tensor, decay_factor: float = 0.0, epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
) -> Any:  # fmt: skip
    """h += g²; x -= rate / (1 + t decay) g / (√h + epsilon)"""
    step = rate / (1 + number(t) * decay_factor)

    def update(x: Tensor, g: Tensor, h: Tensor) -> Sequence[Any]:
        g = norm_coefficient * x + g
        h = h + g * g
        return x - step * g / (az.sqrt(h) + epsilon), h

    return _each(update, inputs, 3)


@converter("Adam", host="t", domain=TRAINING)
def adam(
    rate: Tensor, t: Any, *inputs: Tensor, alpha: float = 0.9, beta: float = 0.999,
    epsilon: float = 1e-6, norm_coefficient: float = 0.0, norm_coefficient_post: float = 0.0,
) -> Any:  # fmt: skip
    """Kingma, Ba (2015); the bias is corrected from step 1 on."""
    count = number(t)
    step = rate * ((1 - beta**count) ** 0.5 / (1 - alpha**count)) if count > 0 else rate

    def update(x: Tensor, g: Tensor, v: Tensor, h: Tensor) -> Sequence[Any]:
        g = norm_coefficient * x + g
        v = alpha * v + (1 - alpha) * g
        h = beta * h + (1 - beta) * g * g
        x = x - step * v / (az.sqrt(h) + epsilon)
        return (1 - norm_coefficient_post) * x, v, h

    return _each(update, inputs, 4)


@converter("Momentum", host="t", domain=TRAINING)
def momentum(
    rate: Tensor, t: Any, *inputs: Tensor, alpha: float, beta: float, mode: str,
    norm_coefficient: float,
) -> Any:  # fmt: skip
    """v = alpha v + beta g; x -= rate v, or, after Nesterov, rate (g + alpha v)"""
    if mode not in ("standard", "nesterov"):
        raise ConfigError(f"mode is {mode!r}; allowed: standard, nesterov")
    share = beta if number(t) > 0 else 1.0

    def update(x: Tensor, g: Tensor, v: Tensor) -> Sequence[Any]:
        g = norm_coefficient * x + g
        v = alpha * v + share * g
        return x - rate * (v if mode == "standard" else g + alpha * v), v

    return _each(update, inputs, 3)


@converter("Gradient", domain=TRAINING)
def gradient(
    *inputs: Tensor, xs: list[str], y: str, zs: list[str] | None = None, _of: Body
) -> Any:  # fmt: skip
    """dy/dx for each of the first inputs, at these values; the others, `zs`, are held."""
    leaves = [x.detach().requires_grad_() for x in inputs[: len(xs)]]
    with enable_grad():
        (made,) = _of(*leaves, *inputs[len(xs) :])
    return tuple(az.grad(made, leaves, az.ones_like(made)))


def _each(
    update: Callable[..., Sequence[Any]], inputs: Sequence[Tensor], kinds: int
) -> tuple[Any, ...]:
    """The update of every parameter; all new parameters first, then each kind of state."""
    count = len(inputs) // kinds
    if count * kinds != len(inputs):
        raise ShapeError(f"got {len(inputs)} tensors; allowed: {kinds} for each parameter")
    found = [update(*inputs[i::count]) for i in range(count)]
    return tuple(y for kind in zip(*found, strict=True) for y in kind)
