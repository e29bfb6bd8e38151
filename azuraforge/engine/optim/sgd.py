"""Stochastic gradient descent."""

from __future__ import annotations

from azuraforge.engine.device import Array
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, decayed
from azuraforge.errors import ConfigError


class SGD(Optimizer):
    """v = momentum v + (1 - dampening) g (v = g at the first step); w -= lr v.

    With nesterov the step is along g + momentum v.

    Source: Sutskever et al. (2013), On the importance of initialization and momentum.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def check(self, group: Group) -> None:
        super().check(group)
        self.allow("momentum", group["momentum"], "momentum >= 0", group["momentum"] >= 0)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ConfigError("SGD: Nesterov momentum requires a momentum and zero dampening")

    def initial(self, w: Array, group: Group) -> State:
        return {"momentum_buffer": None} if group["momentum"] else {}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        g = decayed(w, g, group)
        if group["momentum"]:
            v = state.get("momentum_buffer")  # none where the momentum was 0 so far
            if v is None:
                v = state["momentum_buffer"] = g.copy()
            else:
                v *= group["momentum"]
                v += (1 - group["dampening"]) * g
            g = g + group["momentum"] * v if group["nesterov"] else v
        w -= lr * g
