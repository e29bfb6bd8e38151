"""A model as it is now, for predictions: its forward without a graph, weights packed beforehand.

    predict = freeze(model)
    y = predict(x)

For every shape of inputs that comes a second time a plan is made (inference.py), the last few of
which are kept. Weights and settings are those of the moment a plan is made: whoever trains the
model on, or writes to its weights, freezes it again. load_state_dict and to(…) through the frozen
model are noticed. A model whose forward is more than calls on arrays stays eager and says why.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any, Self

import numpy as np

from azuraforge.engine.grad.autograd import no_grad
from azuraforge.engine.nn.module import Module, Unmatched
from azuraforge.engine.replay.inference import Plan
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.threads import threads
from azuraforge.errors import ConfigError

MOST_PLANS = 4
MOST_SHAPES = 64  # that came once


def freeze(model: Module, *example: Any) -> Frozen:
    """The model in evaluation, to be called from any thread; planned for the example at once."""
    frozen = Frozen(model)
    if example:
        frozen(*example)
        frozen(*example)
    return frozen


class Frozen(Module):
    """A model that has been frozen. `reason` says why it stays eager, if it does."""

    def __init__(self, model: Module) -> None:
        self.model = model.eval()
        self.reason: str | None = None
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        self._once: OrderedDict[Any, None] = OrderedDict()  # shapes that came once
        self._lock = Lock()

    def __call__(self, *inputs: Any) -> Any:
        """The model's output, without a graph; calls from several threads take turns."""
        with self._lock:
            plan = self._plan(inputs)
            if plan is not None:
                return plan(*inputs)
        with no_grad():
            return self.model(*inputs)

    def _plan(self, inputs: Sequence[Any]) -> Plan | None:
        """The plan for such inputs; None if the call is to be eager."""
        if self.reason is not None:
            return None
        key = (threads(), *map(_kind, inputs))
        plan = self._plans.get(key)
        if plan is None and key in self._once:
            plan = self._made(inputs)
            if plan is not None:
                self._plans[key] = plan
                del self._once[key]
                _forget(self._plans, MOST_PLANS)
        elif plan is None:
            self._once[key] = None
            _forget(self._once, MOST_SHAPES)
        else:
            self._plans.move_to_end(key)
        return plan

    def _made(self, inputs: Sequence[Any]) -> Plan | None:
        plan = Plan(self.model, inputs)
        if plan.refusal is None:
            return plan
        self.reason = plan.refusal
        warnings.warn(f"freeze: {self.reason}; the model stays eager", stacklevel=5)
        return None

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Unmatched:
        """Put other weights into the model. Raises: as Module.load_state_dict."""
        with self._lock:
            unmatched = self.model.load_state_dict(state_dict, strict)
            self._plans.clear()
        return unmatched

    def to(self, *targets: Any, device: str | None = None, dtype: Any = None) -> Self:
        """Move the model, or turn its numbers into an element type."""
        with self._lock:
            self.model.to(*targets, device=device, dtype=dtype)
            self._plans.clear()
        return self

    def train(self, mode: bool = True) -> Self:
        """Raises: ConfigError for the mode of training: a frozen model is in evaluation."""
        if mode:
            raise ConfigError(
                "train: this model is frozen; train the one that was frozen, then freeze it"
            )
        return self

    def _walk(self, prefix: str) -> Iterator[tuple[str, Module]]:
        """The modules of the model: it goes by the same names frozen."""
        return self.model._walk(prefix)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the model below is no part: it is this one

    def __getattr__(self, name: str) -> Any:
        if name == "model":  # of a copy, which asks before it has one
            raise AttributeError(name)
        return getattr(self.model, name)

    def __repr__(self) -> str:
        return f"Frozen({self.model!r})"


def _forget(known: OrderedDict[Any, Any], most: int) -> None:
    """Drop what was not used for longest."""
    while len(known) > most:
        known.popitem(last=False)


def _kind(x: Any) -> Any:
    """What of an input a plan depends on: shape and type of arrays, the value of the rest."""
    array = x.data if isinstance(x, Tensor) else x
    if isinstance(array, np.ndarray):
        return array.shape, array.dtype
    return type(x), x
