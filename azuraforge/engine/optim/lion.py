"""Lion."""

from __future__ import annotations

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, average, zeros


class Lion(Optimizer):
    """w -= lr (sign(β₁ m + (1 - β₁) g) + weight_decay w); m = β₂ m + (1 - β₂) g.

    Source: Chen et al. (2023), Symbolic discovery of optimization algorithms.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, settings)

    def initial(self, w: Array, group: Group) -> State:
        return {"exp_avg": zeros(w)}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        m, (beta1, beta2) = state["exp_avg"], group["betas"]
        w *= 1 - lr * group["weight_decay"]
        w -= lr * module_of(w).sign(beta1 * m + (1 - beta1) * g)
        average(m, g, 1 - beta2)
