"""Averaged weights: validated, kept as the best and tested in the place of the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from azuraforge.engine.device import Array, device_of, put
from azuraforge.engine.nn import Module
from azuraforge.errors import ConfigError, ShapeError

BLOCK = 65_536  # numbers: a block of each operand stays in the second-level cache


class Average:
    """The exponential average of a model's parameters over its steps; buffers are the model's.

    average += (1 - decay) (parameter - average), from the first step's parameters on: the bits of
    AveragedModel with get_ema_multi_avg_fn, without its walk over modules.
    """

    def __init__(self, model: Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"ema {decay}; allowed: 0 or more, below 1")
        self._model = model
        self._rest = 1 - decay
        self._parameters = dict(model.named_parameters())
        self._averages = {path: p.data.copy() for path, p in self._parameters.items()}
        self.count = 0  # steps in it

    def take(self) -> None:
        """Take in the model as it is now."""
        for path, parameter in self._parameters.items():
            average, new = self._averages[path].reshape(-1), parameter.data.reshape(-1)
            if not self.count:
                average[...] = new
                continue
            for begin in range(0, average.size, BLOCK):
                part = slice(begin, begin + BLOCK)
                moved = new[part] - average[part]
                moved *= self._rest
                average[part] += moved
        self.count += 1

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Within the block, the model has the averaged weights."""
        own = {path: parameter.data.copy() for path, parameter in self._parameters.items()}
        self._give(self._averages)
        try:
            yield
        finally:
            self._give(own)

    def state_dict(self) -> dict[str, Array]:
        """The averages by the parameters' paths, not copies; `count` belongs to them."""
        return dict(self._averages)

    def load_state_dict(self, averages: Mapping[str, Array], count: int) -> None:
        """Go on where the state was taken. Raises: ConfigError, ShapeError."""
        if averages.keys() != self._averages.keys():
            raise ConfigError(
                f"ema: averages of {sorted(averages)} do not fit parameters "
                f"{sorted(self._averages)}"
            )
        for path, average in self._averages.items():
            if averages[path].shape != average.shape:
                raise ShapeError(f"ema: {path} is {averages[path].shape}, here {average.shape}")
        for path, average in self._averages.items():
            average[...] = put(averages[path], device_of(average))
        self.count = count

    def _give(self, weights: Mapping[str, Array]) -> None:
        for path, parameter in self._parameters.items():
            parameter.data[...] = weights[path]
