"""LAMB."""

from __future__ import annotations

import math

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.adam import moments
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, zeros


class LAMB(Optimizer):
    """AdamW's step r, scaled by each parameter's own length: w -= lr |w| / |r| r.

    Source: You et al. (2020), Large batch optimization for deep learning, algorithm 2, φ(z) = z.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
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
        return {"step": 0, "exp_avg": zeros(w), "exp_avg_sq": zeros(w)}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        m, v, t = state["exp_avg"], state["exp_avg_sq"], state["step"]
        beta1, beta2 = group["betas"]
        moments(m, v, g, beta1, beta2)
        root = module_of(w).sqrt(v / (1 - beta2**t))
        step = m / (1 - beta1**t) / (root + group["eps"]) + group["weight_decay"] * w
        lengths = _length(w), _length(step)
        w -= lr * (lengths[0] / lengths[1] if all(lengths) else 1.0) * step


def _length(x: Array) -> float:
    return math.sqrt(float((x * x).sum()))
