"""ASGD."""

from __future__ import annotations

from azuraforge.engine.device import Array
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, decayed, zeros


class ASGD(Optimizer):
    """SGD at a rate η = lr / (1 + lambd lr t)^alpha; state `ax` is the average from step t0 on.

    Source: Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def initial(self, w: Array, group: Group) -> State:
        return {"step": 0, "eta": float(group["lr"]), "mu": 1.0, "ax": zeros(w)}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        ax, eta, t = state["ax"], state["eta"], state["step"]
        g = decayed(w, g, group)
        w *= 1 - group["lambd"] * eta
        w -= eta * g
        ax += state["mu"] * (w - ax)
        state["eta"] = lr / (1 + group["lambd"] * lr * t) ** group["alpha"]
        state["mu"] = 1 / max(1, t - group["t0"])
