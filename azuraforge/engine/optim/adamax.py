"""Adamax."""

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


class Adamax(Optimizer):
    """Adam by the largest gradient: u = max(β₂ u, |g| + eps); w -= lr m̂ / u.

    Source: Kingma and Ba (2015), Adam: a method for stochastic optimization, section 7.1.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def initial(self, w: Array, group: Group) -> State:
        return {"step": 0, "exp_avg": zeros(w), "exp_inf": zeros(w)}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        m, u = state["exp_avg"], state["exp_inf"]
        beta1, beta2 = group["betas"]
        g = decayed(w, g, group)
        average(m, g, 1 - beta1)
        module_of(w).maximum(beta2 * u, abs(g) + group["eps"], out=u)
        w -= lr / (1 - beta1 ** state["step"]) * m / u
