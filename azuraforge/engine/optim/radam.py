"""RAdam."""

from __future__ import annotations

import math

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.adam import moments
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, decayed, zeros


class RAdam(Optimizer):
    """Adam that divides by √v only when enough steps make v's variance small (ρₜ > 5).

    Source: Liu et al. (2020), On the variance of the adaptive learning rate and beyond.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def initial(self, w: Array, group: Group) -> State:
        return {"step": 0, "exp_avg": zeros(w), "exp_avg_sq": zeros(w)}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        m, v, t = state["exp_avg"], state["exp_avg_sq"], state["step"]
        beta1, beta2 = group["betas"]
        if group["decoupled_weight_decay"]:
            w *= 1 - lr * group["weight_decay"]
        else:
            g = decayed(w, g, group)
        moments(m, v, g, beta1, beta2)
        step = lr / (1 - beta1**t) * m
        most = 2 / (1 - beta2) - 1
        rho = most - 2 * t * beta2**t / (1 - beta2**t)
        if rho > 5:
            rectified = math.sqrt(
                (rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)
            )  # of the variance
            scale = rectified * math.sqrt(1 - beta2**t)
            step *= scale / (module_of(w).sqrt(v) + group["eps"])
        w -= step
