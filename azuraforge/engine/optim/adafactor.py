"""Adafactor."""

from __future__ import annotations

import math

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, average, zeros


class Adafactor(Optimizer):
    """Adam without a first moment, whose second is kept as means over rows and columns.

    The step is at most d long (root mean square) and grows with the parameter's own size.

    Source: Shazeer and Stern (2018), Adafactor: adaptive learning rates with sublinear memory cost.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d,
            "weight_decay": weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def check(self, group: Group) -> None:
        super().check(group)
        (eps1, eps2), decay, d = group["eps"], group["beta2_decay"], group["d"]
        self.allow("beta2_decay", decay, "beta2_decay <= 0", decay <= 0)
        self.allow("eps[0]", eps1, "None or eps[0] >= 0", eps1 is None or eps1 >= 0)
        self.allow("eps[1]", eps2, "eps[1] >= 0", eps2 >= 0)
        self.allow("d", d, "d >= 1", d >= 1)

    def initial(self, w: Array, group: Group) -> State:
        if w.ndim < 2:
            return {"step": 0, "variance": zeros(w)}
        return {"step": 0, "row_var": zeros(w[..., :1]), "col_var": zeros(w[..., :1, :])}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        xp, t, (eps1, eps2) = module_of(w), state["step"], group["eps"]
        eps1 = xp.finfo(w.dtype).eps if eps1 is None else eps1
        rate = max(eps2, _root_mean_square(w)) * min(lr, 1 / math.sqrt(t))
        w *= 1 - lr * group["weight_decay"]
        variance = _variance(g * g, t ** group["beta2_decay"], state, eps1)
        step = g / xp.sqrt(xp.maximum(variance, eps1 * eps1))
        w -= rate / max(1.0, _root_mean_square(step) / group["d"]) * step


def _root_mean_square(x: Array) -> float:
    return math.sqrt(float((x * x).mean()))


def _variance(squares: Array, rate: float, state: State, eps: float) -> Array:
    """The second moment, from the state moved on by the squares."""
    if squares.ndim < 2:
        average(state["variance"], squares, rate)
        return state["variance"]
    rows, columns = state["row_var"], state["col_var"]
    average(rows, squares.mean(-1, keepdims=True), rate)
    average(columns, squares.mean(-2, keepdims=True), rate)
    return rows @ columns / module_of(rows).maximum(rows.mean(-2, keepdims=True), eps)
