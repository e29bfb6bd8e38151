"""Rprop."""

from __future__ import annotations

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State, zeros


class Rprop(Optimizer):
    """Steps by the gradient's sign: longer while the sign stays, shorter and none when it turns.

    For whole batches. Source: Riedmiller and Braun (1993), A direct adaptive method for faster
    backpropagation learning: the RPROP algorithm.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, settings)

    def check(self, group: Group) -> None:
        super().check(group)
        shorter, longer = group["etas"]
        self.allow("etas", group["etas"], "0 < etas[0] < 1 < etas[1]", 0 < shorter < 1 < longer)

    def initial(self, w: Array, group: Group) -> State:
        sizes = module_of(w).full_like(w, float(group["lr"]))
        return {"step": 0, "prev": zeros(w), "step_size": sizes}

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        xp, prev, sizes = module_of(w), state["prev"], state["step_size"]
        shorter, longer = group["etas"]
        turns = g * prev
        sizes *= xp.where(turns > 0, longer, xp.where(turns < 0, shorter, 1)).astype(w.dtype)
        xp.clip(sizes, *group["step_sizes"], out=sizes)
        prev[...] = xp.where(turns < 0, 0, g)
        w -= xp.sign(prev) * sizes
