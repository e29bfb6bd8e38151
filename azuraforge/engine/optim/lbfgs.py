"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.grad import versions
from azuraforge.engine.optim.line_search import Point, strong_wolfe
from azuraforge.engine.optim.optimizer import Group, Optimizer, Params, State
from azuraforge.engine.replay import tape
from azuraforge.errors import ConfigError


class LBFGS(Optimizer):
    """Newton's method with the inverse Hessian kept as the last changes of weights and gradient.

    For whole batches: `step` needs a closure that computes loss and gradients anew, and calls it up
    to max_eval times (1.25 max_iter). Ends early where no gradient is above tolerance_grad, or a
    step or the change of the loss is below tolerance_change. One group of parameters only.

    Source: Liu and Nocedal (1989), On the limited memory BFGS method for large scale optimization.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise ConfigError(f"LBFGS: line_search_fn {line_search_fn!r}; allowed: 'strong_wolfe'")
        settings = {
            "lr": lr, "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, settings)
        if len(self.param_groups) != 1:
            raise ConfigError("LBFGS doesn't support per-parameter options (parameter groups)")

    def initial(self, w: Array, group: Group) -> State:
        return {
            "func_evals": 0, "n_iter": 0, "d": None, "t": 0.0, "H_diag": 1.0,
            "old_dirs": [], "old_stps": [], "prev_flat_grad": None,
        }  # fmt: skip

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to max_iter updates; what the closure returned first is returned."""
        if closure is None:
            raise ConfigError("LBFGS.step: a closure that computes loss and gradients is needed")
        recorded = tape.current()
        if recorded is not None:
            recorded.refuse("LBFGS decides by the loss how often to call its closure")
        (group,) = self.param_groups
        state = self._state_of(group["params"][0], group)
        first = closure()
        point = Point(float(first), self._gradient())
        calls = 1
        for left in reversed(range(group["max_iter"])):
            if abs(point.g).max() <= group["tolerance_grad"]:
                break
            d = self._direction(point.g, state, group)
            slope = float(point.g @ d)
            if slope > -group["tolerance_change"]:
                break
            if not left and group["line_search_fn"] is None:
                self._move(state["t"], d)  # nobody looks at the gradient there
                break
            before = point.loss
            point, used = self._along(closure, point, slope, state, group, calls)
            calls += used
            if calls >= group["max_eval"]:
                break
            moved = float(abs(d * state["t"]).max())
            if min(moved, abs(point.loss - before)) <= group["tolerance_change"]:
                break
        state["func_evals"] += calls
        return first

    def _direction(self, g: Array, state: State, group: Group) -> Array:
        """Where to go from gradient g: minus the inverse Hessian times g, by two loops."""
        state["n_iter"] += 1
        if state["n_iter"] == 1:
            state["d"], state["t"] = -g, min(1.0, 1.0 / float(abs(g).sum())) * float(group["lr"])
            state["prev_flat_grad"] = g
            return state["d"]
        self._remember(g - state["prev_flat_grad"], state["d"] * state["t"], state, group)
        changes = zip(state["old_dirs"], state["old_stps"], strict=True)
        pairs = [(y, s, 1 / float(y @ s)) for y, s in changes]
        d, weights = -g, []
        for y, s, share in reversed(pairs):
            weights.append(float(s @ d) * share)
            d = d - weights[-1] * y
        d = d * state["H_diag"]
        for (y, s, share), weight in zip(pairs, reversed(weights), strict=True):
            d = d + (weight - float(y @ d) * share) * s
        state["d"], state["t"], state["prev_flat_grad"] = d, float(group["lr"]), g
        return d

    def _remember(self, y: Array, s: Array, state: State, group: Group) -> None:
        """Keep this change y of the gradient along s, if the function curves upwards there."""
        curvature = float(y @ s)
        if curvature > 1e-10:
            for kept, new in ((state["old_dirs"], y), (state["old_stps"], s)):
                kept.append(new)
                del kept[: -group["history_size"]]
            state["H_diag"] = curvature / float(y @ y)

    def _along(
        self, closure: Callable[[], Any], start: Point, slope: float, state: State, group: Group,
        calls: int,
    ) -> tuple[Point, int]:  # fmt: skip
        """Move along d, and the point arrived at; how many calls of the closure it took."""
        weights = [p.data.copy() for p in group["params"]]

        def at(t: float) -> Point:
            for p, w in zip(group["params"], weights, strict=True):
                p.data[...] = w
            self._move(t, state["d"])
            return Point(float(closure()), self._gradient())

        if group["line_search_fn"] is None:
            return at(state["t"]), 1
        t, found, used = strong_wolfe(
            at, start, state["t"], state["d"], slope, group["max_eval"] - calls,
            group["tolerance_change"],
        )  # fmt: skip
        state["t"] = t
        for p, w in zip(group["params"], weights, strict=True):
            p.data[...] = w
        self._move(t, state["d"])
        return found, used

    def _move(self, t: float, d: Array) -> None:
        at = 0
        for p in self.params:
            size = p.data.size
            p.data += t * d[at : at + size].reshape(p.shape)
            at += size
        versions.swept(self, "LBFGS.step()", [p.data for p in self.params])

    def _gradient(self) -> Array:
        """All gradients in one row; zeros where there is none."""
        rows = [
            (module_of(p.data).zeros_like(p.data) if p.grad is None else p.grad.data).reshape(-1)
            for p in self.params
        ]
        return module_of(rows[0]).concatenate(rows)
