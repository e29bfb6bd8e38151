"""Adadelta."""

from __future__ import annotations

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, decayed, zeros


class Adadelta(Optimizer):
    """v = ρ v + (1 - ρ) g²; d = √(u + eps) / √(v + eps) g; u = ρ u + (1 - ρ) d²; w -= lr d.

    Source: Zeiler (2012), Adadelta: an adaptive learning rate method.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def check(self, group: Group) -> None:
        super().check(group)
        self.allow("rho", group["rho"], "0 <= rho <= 1", 0 <= group["rho"] <= 1)

    def initial(self, w: Array, group: Group) -> State:
        return {"step": 0, "square_avg": zeros(w), "acc_delta": zeros(w)}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        xp, rho, eps = module_of(w), group["rho"], group["eps"]
        v, u = state["square_avg"], state["acc_delta"]
        g = decayed(w, g, group)
        v *= rho
        v += (1 - rho) * g * g
        d = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
        u *= rho
        u += (1 - rho) * d * d
        w -= lr * d
