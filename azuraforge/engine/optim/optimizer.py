"""What every optimizer shares: parameters, buffers per parameter, state in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from azuraforge.engine import tape
from azuraforge.engine.device import Array, module_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError


class Optimizer:
    """Updates parameters in place from their gradients; a parameter without one stays as it is."""

    buffers: tuple[str, ...] = ()  # names of the arrays kept per parameter, of its shape

    def __init__(self, params: Iterable[Tensor], *, lr: float, weight_decay: float = 0.0) -> None:
        if not lr > 0 or not weight_decay >= 0:
            raise ConfigError(
                f"{type(self).__name__}: lr {lr}, weight_decay {weight_decay}; "
                "allowed: lr > 0, weight_decay >= 0"
            )
        self.params = list(params)
        if not self.params:
            raise ConfigError(f"{type(self).__name__}: there are no parameters to train")
        self.lr = lr
        self.weight_decay = weight_decay
        self.step_count = 0
        self.state: dict[str, list[Array]] = {
            name: [module_of(p.data).zeros_like(p.data) for p in self.params]
            for name in self.buffers
        }

    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        updates = [
            (p.data, p.grad.data, *(self.state[name][i] for name in self.buffers))
            for i, p in enumerate(self.params)
            if p.grad is not None
        ]
        update_all = self.prepared(updates)
        recorded = tape.current()
        with tape.recording(None):
            self._advance(update_all)
        if recorded is not None:
            recorded.changes(self, *(w for w, *_ in updates))
            recorded.note(self._advance, update_all)

    def prepared(self, updates: Sequence[tuple[Array, ...]]) -> Callable[[], None]:
        """A function that makes these updates, each of a parameter by (w, g, *buffers)."""

        def update_all() -> None:
            for w, g, *buffers in updates:
                self.update(w, self.decay(w, g), *buffers)

        return update_all

    def _advance(self, update_all: Callable[[], None]) -> None:
        self.step_count += 1
        update_all()

    def decay(self, w: Array, g: Array) -> Array:
        """The gradient to update by: with weight decay in it, unless `w` has been decayed here."""
        return g + self.weight_decay * w if self.weight_decay else g

    def update(self, w: Array, g: Array, *buffers: Array) -> None:
        """Change `w` and its buffers in place by the gradient `g`."""
        raise NotImplementedError(f"{type(self).__name__}.update is for a subclass to write")

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.params:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The step count under `step`, the buffers under `name.i`; arrays are not copies."""
        arrays = {
            f"{name}.{i}": array
            for name in self.buffers
            for i, array in enumerate(self.state[name])
        }
        return {"step": self.step_count, **arrays}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. Raises: ConfigError, ShapeError if it does not fit."""
        own = self.state_dict()
        if own.keys() != state.keys():
            differ = sorted(own.keys() ^ state.keys())
            raise ConfigError(f"{type(self).__name__}.load_state_dict: keys differ: {differ}")
        for key, array in own.items():
            if key != "step" and array.shape != state[key].shape:
                raise ShapeError(f"{key}: {state[key].shape} does not fit {array.shape}")
        self.step_count = int(state["step"])
        for key, array in own.items():
            if key != "step":
                array[...] = module_of(array).asarray(state[key])
