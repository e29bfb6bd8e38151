"""Losses scaled up, and gradients down again, so that small gradients survive half precision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, module_of, put
from azuraforge.engine.optim.optimizer import Optimizer
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, RefusedError

SETTINGS = ("growth_factor", "backoff_factor", "growth_interval")


class GradScaler:
    """Multiplies losses by a scale, and steps only where no gradient became NaN or Inf by it.

    scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()

    update() makes the scale backoff_factor times as large after a step that was left out, and
    growth_factor times after growth_interval steps in a row that were not. `device` is PyTorch's
    first argument; where the arrays are is seen from them.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if growth_factor <= 1 or not 0 < backoff_factor < 1:
            raise ConfigError(
                f"GradScaler: growth_factor {growth_factor}, backoff_factor {backoff_factor}; "
                "allowed: growth_factor > 1, 0 < backoff_factor < 1"
            )
        self.growth_factor = growth_factor
        self.backoff_factor = backoff_factor
        self.growth_interval = growth_interval
        self._enabled = enabled
        self._scales = {"cpu": np.full((), init_scale, np.float32)}  # by device, for replays
        self._growth_tracker = 0
        self._unscaled: dict[Optimizer, bool] = {}  # whether all gradients are finite
        self._stepped: set[Optimizer] = set()

    def scale(self, outputs: Any) -> Any:
        """A tensor, or tensors in a list, tuple or iterable, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * Tensor(self._on(outputs.device))
        if not isinstance(outputs, Iterable):
            given = type(outputs).__name__
            raise DTypeError(
                f"GradScaler.scale: {given}; allowed: a tensor, or an iterable of them"
            )
        scaled = map(self.scale, outputs)
        return type(outputs)(scaled) if isinstance(outputs, list | tuple) else scaled

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients by the scale now, to clip or look at them before step().

        Raises: RefusedError a second time before update(); DTypeError for gradients of float16.
        """
        if not self._enabled:
            return
        _stay_eager("unscales gradients")
        if optimizer in self._unscaled:
            raise RefusedError(
                "GradScaler.unscale_: these gradients are unscaled already; call it once, "
                "before step(), and update() after that"
            )
        gradients = [p.grad.data for p in optimizer.params if p.grad is not None]
        if any(g.dtype == np.float16 for g in gradients):
            raise DTypeError(
                "GradScaler.unscale_: gradients of float16 would be lost by it; keep the "
                "parameters in float32"
            )
        back = 1 / self.get_scale()
        for g in gradients:
            g *= back
        self._unscaled[optimizer] = all(module_of(g).isfinite(g).all() for g in gradients)

    def step(self, optimizer: Optimizer, *args: Any) -> Any:
        """optimizer.step(), where every gradient is finite; unscale_() first, if not done.

        Raises: RefusedError a second time before update().
        """
        if not self._enabled:
            return optimizer.step(*args)
        _stay_eager("steps a GradScaler")
        if optimizer in self._stepped:
            raise RefusedError("GradScaler.step: called already since the last update()")
        if optimizer not in self._unscaled:
            self.unscale_(optimizer)
        self._stepped.add(optimizer)
        return optimizer.step(*args) if self._unscaled[optimizer] else None

    def update(self, new_scale: float | None = None) -> None:
        """The scale for the next step: `new_scale`, or by what the gradients were like.

        Raises: RefusedError where no gradients were unscaled since the last time.
        """
        if not self._enabled:
            return
        _stay_eager("updates a GradScaler")
        if new_scale is not None:
            self._set(float(new_scale))
        elif not self._unscaled:
            raise RefusedError("GradScaler.update: no step() or unscale_() since the last update()")
        elif not all(self._unscaled.values()):
            self._set(self.get_scale() * self.backoff_factor)
            self._growth_tracker = 0
        else:
            self._grow()
        self._unscaled.clear()
        self._stepped.clear()

    def _grow(self) -> None:
        self._growth_tracker += 1
        if self._growth_tracker == self.growth_interval:
            self._growth_tracker = 0
            grown = self.get_scale() * self.growth_factor
            if grown <= np.finfo(np.float32).max:
                self._set(grown)

    def get_scale(self) -> float:
        """The scale; 1 if scaling is not enabled."""
        return float(self._scales["cpu"]) if self._enabled else 1.0

    def is_enabled(self) -> bool:
        """Whether anything is scaled at all."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """As PyTorch's; empty if scaling is not enabled. To be taken after update()."""
        if not self._enabled:
            return {}
        settings = {name: getattr(self, name) for name in SETTINGS}
        return {"scale": self.get_scale(), **settings, "_growth_tracker": self._growth_tracker}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where the state was taken. Raises: ConfigError for one that was not enabled."""
        if not self._enabled:
            return
        if not state_dict:
            raise ConfigError("GradScaler.load_state_dict: the state of a scaler not enabled")
        self._set(state_dict["scale"])
        self._growth_tracker = state_dict["_growth_tracker"]
        for name in SETTINGS:
            setattr(self, name, state_dict[name])

    def _on(self, device: str) -> Array:
        """The scale on a device: one array each, that a captured step knows."""
        if device not in self._scales:
            self._scales[device] = put(self._scales["cpu"], device)
        return self._scales[device]

    def _set(self, scale: float) -> None:
        for array in self._scales.values():
            array[...] = scale


def _stay_eager(what: str) -> None:
    recorded = tape.current()
    if recorded is not None:
        recorded.refuse(f"it {what}, which asks numbers what to do; do that after the step's call")
