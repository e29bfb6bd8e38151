"""Muon."""

from __future__ import annotations

import math

import numpy as np

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, average, zeros
from azuraforge.errors import ConfigError, ShapeError


class Muon(Optimizer):
    """Momentum whose step is made nearly orthogonal by Newton-Schulz iterations; for matrices.

    The iterations are in bfloat16, as the source's are. adjust_lr_fn scales lr by the shape (a, b):
    "original" by √max(1, a / b), "match_rms_adamw" by 0.2 √max(a, b).

    Source: Jordan et al. (2024), Muon: an optimizer for hidden layers in neural networks.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        settings = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }  # fmt: skip
        super().__init__(params, settings)

    def check(self, group: Group) -> None:
        super().check(group)
        momentum, steps = group["momentum"], group["ns_steps"]
        self.allow("momentum", momentum, "momentum >= 0", momentum >= 0)
        self.allow("ns_steps", steps, "0 to 99", 0 <= steps < 100)
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ConfigError(
                f"Muon: adjust_lr_fn {group['adjust_lr_fn']!r}; allowed: original, match_rms_adamw"
            )
        for p in group["params"]:
            if p.ndim != 2:
                raise ShapeError(f"Muon: a parameter of shape {p.shape}; allowed: matrices")

    def initial(self, w: Array, group: Group) -> State:
        return {"momentum_buffer": zeros(w)}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        buffer, momentum = state["momentum_buffer"], group["momentum"]
        average(buffer, g, 1 - momentum)
        step = g + momentum * (buffer - g) if group["nesterov"] else buffer
        step = _orthogonal(step, group["ns_coefficients"], group["ns_steps"], group["eps"])
        a, b = w.shape
        scale = 0.2 * math.sqrt(max(a, b)) if group["adjust_lr_fn"] == "match_rms_adamw" else (
            math.sqrt(max(1, a / b))
        )  # fmt: skip
        w *= 1 - lr * group["weight_decay"]
        w -= lr * scale * step.astype(w.dtype)


def _orthogonal(g: Array, factors: tuple[float, ...], steps: int, eps: float) -> Array:
    """Nearly U Vᵀ, where g = U S Vᵀ."""
    if g.shape[0] > g.shape[1]:
        return _orthogonal(g.T, factors, steps, eps).T
    a, b, c = factors
    x = _bfloat16(g)
    length = _bfloat16(module_of(x).sqrt((x * x).sum()))
    x = _bfloat16(x / max(length, eps))
    for _ in range(steps):
        gram = _bfloat16(x @ x.T)
        x = _bfloat16(a * x + _bfloat16(b * gram + c * (gram @ gram)) @ x)
    return x


def _bfloat16(x: Array) -> Array:
    """The nearest numbers with eight bits of fraction, ties to even; as float32."""
    bits = module_of(x).asarray(x, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32)
