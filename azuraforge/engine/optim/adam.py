"""Adam."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.kernels import kernel
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, decayed, zeros


class Adam(Optimizer):
    """m = β₁ m + (1 - β₁) g; v = β₂ v + (1 - β₂) g²; w -= lr m̂ / (√v̂ + eps).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) at step t; weight_decay is added to g, as in PyTorch.
    amsgrad: v is the largest so far.

    Source: Kingma and Ba (2015), Adam: a method for stochastic optimization; Reddi et al. (2018),
    On the convergence of Adam and beyond.
    """

    is_decoupled = False  # whether weights decay by themselves, not through the gradient

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def initial(self, w: Array, group: Group) -> State:
        state = {"step": 0, "exp_avg": zeros(w), "exp_avg_sq": zeros(w)}
        return {**state, "max_exp_avg_sq": zeros(w)} if group["amsgrad"] else state

    def prepared(
        self, group: Group, members: Sequence[tuple[Array, Array, State]]
    ) -> Callable[[], None]:
        one_by_one = super().prepared(group, members)
        arrays = [(w, g, s["exp_avg"], s["exp_avg_sq"]) for w, g, s in members]
        states = [state for _, _, state in members]
        compiled = kernel("adam")
        if compiled is None or not members or group["amsgrad"] or group["maximize"]:
            return one_by_one
        if not compiled.accepts(arrays):
            return one_by_one
        table = compiled.Table(arrays)

        def move() -> None:
            done = states[0]["step"]
            for state in states:
                if state["step"] != done:
                    return one_by_one()
            for state in states:
                state["step"] = done + 1
            lr, decay = float(group["lr"]), group["weight_decay"]
            decays = (1 - lr * decay, 0.0) if self.is_decoupled else (1.0, decay)
            step, scale = _corrections(done + 1, lr, *group["betas"])
            table.update(*decays, *group["betas"], step, scale, group["eps"])

        return move

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        m, v = state["exp_avg"], state["exp_avg_sq"]
        beta1, beta2 = group["betas"]
        if self.is_decoupled:
            w *= 1 - lr * group["weight_decay"]
        else:
            g = decayed(w, g, group)
        moments(m, v, g, beta1, beta2)
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            module_of(w).maximum(largest, v, out=largest)
            v = largest
        step, scale = _corrections(state["step"], lr, beta1, beta2)
        denominator = module_of(w).sqrt(v)
        denominator *= scale
        denominator += group["eps"]
        w -= step * m / denominator


def moments(m: Array, v: Array, g: Array, beta1: float, beta2: float) -> None:
    """Move the averages of g and g² on."""
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g * g


def _corrections(t: int, lr: float, beta1: float, beta2: float) -> tuple[float, float]:
    """(step, scale) at step t: lr m̂ = step m, √v̂ = scale √v."""
    return lr / (1 - beta1**t), 1 / math.sqrt(1 - beta2**t)
