"""Averaged weights: validated, kept as the best and tested in the place of the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.nn import Module
from azuraforge.engine.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Average:
    """The exponential average of a model's parameters over its steps; buffers are the model's.

    average = decay average + (1 - decay) parameter, from the first step's parameters on
    """

    def __init__(self, model: Module, decay: float) -> None:
        self._model = model
        self._averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def take(self) -> None:
        """Take in the model as it is now."""
        self._averaged.update_parameters(self._model)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Within the block, the model has the averaged weights."""
        own = {key: array.copy() for key, array in self._model.state_dict().items()}
        self._model.load_state_dict(self._averaged.module.state_dict())
        try:
            yield
        finally:
            self._model.load_state_dict(own)

    def state_dict(self) -> tuple[dict[str, Array], int]:
        """The averages, not copies, and how many steps are in them."""
        return self._averaged.module.state_dict(), int(self._averaged.n_averaged.data)

    def load_state_dict(self, arrays: Mapping[str, Array], count: int) -> None:
        """Go on where the state was taken. Raises: ConfigError, ShapeError."""
        self._averaged.module.load_state_dict(arrays)
        self._averaged.n_averaged.data[...] = np.int64(count)
