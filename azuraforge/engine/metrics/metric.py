"""What a metric is: a state made of batches, merged batch by batch, and a figure made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from azuraforge.engine.device import put
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import RefusedError, ShapeError

Numbers: TypeAlias = NDArray[Any]
State: TypeAlias = dict[str, Numbers]


class Metric:
    """A figure over batches that are seen one at a time, here or in several processes.

    A subclass has `of`, the state of one batch, and `figure`, the result of a state. States are
    added key by key, unless it has another `merged`.
    """

    def __init__(self) -> None:
        self._state: State = {}

    def update(self, prediction: Any, target: Any) -> None:
        """Take one more batch into account. Raises: ShapeError, DTypeError."""
        self._take(self.of(array_of(prediction), array_of(target)))

    def compute(self) -> Any:
        """The figure of all batches since the last reset. Raises: RefusedError for none."""
        if not self._state:
            raise RefusedError(
                f"{type(self).__name__}.compute: nothing to compute it of; call update first"
            )
        return self.figure(self._state)

    def reset(self) -> None:
        """Forget all batches."""
        self._state = {}

    def merge(self, other: Metric) -> None:
        """Take the batches of another metric of the same kind into account, too."""
        if type(other) is not type(self):
            raise RefusedError(
                f"{type(self).__name__}.merge: a {type(other).__name__}; allowed: its own kind"
            )
        self._take(other._state)

    def state_dict(self) -> State:
        """Arrays that `load_state_dict` goes on from."""
        return {name: value.copy() for name, value in self._state.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self._state = {name: np.array(value) for name, value in state_dict.items()}

    def of(self, prediction: Numbers, target: Numbers) -> State:
        """The state of one batch."""
        raise NotImplementedError

    def merged(self, one: State, other: State) -> State:
        """The state of both."""
        return {name: np.asarray(one[name] + other[name]) for name in one}

    def figure(self, state: State) -> Any:
        """The result."""
        raise NotImplementedError

    def _take(self, state: State) -> None:
        if self._state and state:
            state = self.merged(self._state, state)
        self._state = state or self._state


def array_of(x: Any) -> Numbers:
    """The numbers on the CPU, of a tensor or whatever makes an array."""
    if isinstance(x, Tensor):
        return x.detach().numpy()
    return np.asarray(put(x, "cpu") if hasattr(x, "__cuda_array_interface__") else x)


def check_equal(name: str, prediction: Numbers, target: Numbers) -> None:
    """Raise ShapeError where shapes differ: broadcasting would compare what is not alike."""
    if prediction.shape != target.shape or not target.size:
        raise ShapeError(
            f"{name}: prediction {prediction.shape}, target {target.shape}; allowed: equal "
            "shapes, of one number at least"
        )
