"""NAdam."""

from __future__ import annotations

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.adam import moments
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, decayed, zeros


class NAdam(Optimizer):
    """Adam with Nesterov's look ahead, whose momentum μₜ = β₁ (1 - 0.96^(t momentum_decay) / 2).

    Source: Dozat (2016), Incorporating Nesterov momentum into Adam.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, settings)

    def check(self, group: Group) -> None:
        super().check(group)
        decay = group["momentum_decay"]
        self.allow("momentum_decay", decay, "momentum_decay >= 0", decay >= 0)

    def initial(self, w: Array, group: Group) -> State:
        return {"step": 0, "mu_product": 1.0, "exp_avg": zeros(w), "exp_avg_sq": zeros(w)}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        m, v, t = state["exp_avg"], state["exp_avg_sq"], state["step"]
        beta1, beta2 = group["betas"]
        if group["decoupled_weight_decay"]:
            w *= 1 - lr * group["weight_decay"]
        else:
            g = decayed(w, g, group)
        mu, ahead = (
            beta1 * (1 - 0.5 * 0.96 ** (at * group["momentum_decay"])) for at in (t, t + 1)
        )
        state["mu_product"] *= mu
        product = state["mu_product"]
        moments(m, v, g, beta1, beta2)
        denominator = module_of(w).sqrt(v / (1 - beta2**t)) + group["eps"]
        w -= lr * (1 - mu) / (1 - product) * g / denominator
        w -= lr * ahead / (1 - product * ahead) * m / denominator
