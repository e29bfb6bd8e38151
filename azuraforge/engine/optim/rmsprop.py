"""RMSprop."""

from __future__ import annotations

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.optimizer import (
    Group,
    Optimizer,
    Params,
    State,
    average,
    decayed,
    zeros,
)


class RMSprop(Optimizer):
    """v = α v + (1 - α) g²; w -= lr g / (√v + eps); centered: v less the square of g's average.

    Source: Hinton (2012), Neural networks for machine learning, lecture 6; Graves (2013), centered.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
            "momentum": momentum, "centered": centered, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def check(self, group: Group) -> None:
        super().check(group)
        for name in ("alpha", "eps", "momentum"):
            self.allow(name, group[name], f"{name} >= 0", group[name] >= 0)

    def initial(self, w: Array, group: Group) -> State:
        state = {"step": 0, "square_avg": zeros(w)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros(w)
        if group["centered"]:
            state["grad_avg"] = zeros(w)
        return state

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        v, alpha = state["square_avg"], group["alpha"]
        g = decayed(w, g, group)
        v *= alpha
        v += (1 - alpha) * g * g
        if group["centered"]:
            average(state["grad_avg"], g, 1 - alpha)
            v = v - state["grad_avg"] ** 2
        step = g / (module_of(w).sqrt(v) + group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer *= group["momentum"]
            buffer += step
            step = buffer
        w -= lr * step
