"""Adagrad."""

from __future__ import annotations

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, decayed


class Adagrad(Optimizer):
    """s += g²; w -= lr / (1 + (t - 1) lr_decay) g / (√s + eps).

    Source: Duchi et al. (2011), Adaptive subgradient methods for online learning.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps,
            "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def check(self, group: Group) -> None:
        super().check(group)
        for name in ("lr_decay", "initial_accumulator_value", "eps"):
            self.allow(name, group[name], f"{name} >= 0", group[name] >= 0)

    def initial(self, w: Array, group: Group) -> State:
        total = module_of(w).full_like(w, group["initial_accumulator_value"])
        return {"step": 0, "sum": total}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        g = decayed(w, g, group)
        state["sum"] += g * g
        rate = lr / (1 + (state["step"] - 1) * group["lr_decay"])
        w -= rate * g / (module_of(w).sqrt(state["sum"]) + group["eps"])
