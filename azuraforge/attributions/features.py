"""Features: groups of an input's elements that are taken away and put back together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.attributions.inputs import Arrays
from azuraforge.attributions.question import Question
from azuraforge.engine.device import Array, device_of, module_of, put
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError


class Features:
    """Which feature each element of each input belongs to, numbered from 0.

    `mask` holds whole numbers that can be broadcast to the inputs, one array for each: elements of
    the same number are one feature, in whatever input. Without it each element is one of its own.
    """

    def __init__(self, inputs: Arrays, mask: Any, who: str) -> None:
        masks = _own_each(inputs) if mask is None else _masks(inputs, mask, who)
        names, places = np.unique(
            np.concatenate([m.reshape(-1) for m in masks]), return_inverse=True
        )
        ends = np.cumsum([m.size for m in masks])
        parts = np.split(places.reshape(-1), ends[:-1])
        self.count = len(names)
        self.places = tuple(p.reshape(m.shape) for p, m in zip(parts, masks, strict=True))

    def kept(self, coalitions: Array, inputs: Arrays, baselines: Arrays) -> Arrays:
        """The inputs as each coalition leaves them: baselines where it lacks the feature.

        Shape: coalitions (n, features) bool; inputs (batch, …) -> (n * batch, …)
        """
        made = []
        for x, baseline, place in zip(inputs, baselines, self.places, strict=True):
            xp = module_of(x)
            is_kept = put(coalitions[:, place], device_of(x))
            mixed = xp.where(is_kept, x[None], baseline[None])
            made.append(mixed.reshape(-1, *x.shape[1:]))
        return tuple(made)

    def spread(self, values: Array, inputs: Arrays) -> Arrays:
        """Each element as its feature's value.

        Shape: values (features, batch or 1) -> (batch or 1, …) of each input
        """
        made = []
        for x, place in zip(inputs, self.places, strict=True):
            batch = values.shape[1]
            rows = np.arange(batch).reshape(-1, *(1,) * (place.ndim - 1))
            kind = x.dtype if x.dtype.kind == "f" else np.float32
            made.append(put(values[place, rows].astype(kind), device_of(x)))
        return tuple(made)


class Game:
    """What the model says where a coalition of features is present and the others are baselines."""

    def __init__(
        self,
        question: Question,
        features: Features,
        inputs: Arrays,
        baselines: Arrays,
        perturbations_per_eval: int,
    ) -> None:
        if perturbations_per_eval < 1:
            raise ConfigError(
                f"perturbations_per_eval {perturbations_per_eval}; allowed: 1 or more"
            )
        self.players = features.count
        self._question = question
        self._features = features
        self._inputs = inputs
        self._baselines = baselines
        self._at_once = perturbations_per_eval

    def values(self, coalitions: Array) -> Array:
        """What it says of each coalition, in float64.

        Shape: (n, players) bool -> (n, batch); (n, 1) if it says one thing of all examples
        """
        found: list[Array] = []
        at_once = self._at_once
        while len(found) < len(coalitions):
            some = coalitions[len(found) : len(found) + at_once]
            points = self._features.kept(some, self._inputs, self._baselines)
            said = put(self._question.outputs(points), "cpu").astype(np.float64)
            if said.size == len(points[0]):
                found += list(said.reshape(len(some), -1))
            elif len(some) == 1:
                found.append(said.reshape(1))
            else:  # it says one thing of all rows: one coalition at a time
                at_once = 1
        return np.stack(found)

    def shares(self, values: Array) -> Arrays:
        """Each element's, from the players'. Shape: (players, batch) -> as the inputs"""
        return self._features.spread(values, self._inputs)


def _own_each(inputs: Arrays) -> list[Array]:
    sizes = [int(np.prod(x.shape[1:])) for x in inputs]
    starts = np.cumsum([0, *sizes])
    return [
        np.arange(start, start + size).reshape(1, *x.shape[1:])
        for x, size, start in zip(inputs, sizes, starts, strict=False)
    ]


def _masks(inputs: Arrays, mask: Any, who: str) -> list[Array]:
    given: Sequence[Any] = mask if isinstance(mask, tuple | list) else (mask,)
    if len(given) != len(inputs):
        raise ShapeError(f"{who}: {len(given)} feature masks for {len(inputs)} inputs")
    return [_mask(x, each, who) for x, each in zip(inputs, given, strict=True)]


def _mask(x: Array, mask: Any, who: str) -> Array:
    array = put(mask.data, "cpu") if isinstance(mask, Tensor) else np.asarray(mask)
    if array.dtype.kind not in "iub":
        raise DTypeError(f"{who}: a feature mask of {array.dtype}; allowed: whole numbers")
    shared = np.broadcast_shapes((1,) * x.ndim, array.shape)
    try:
        shape = (shared[0], *x.shape[1:])
        if shape[0] not in (1, len(x)):
            raise ValueError
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeError(
            f"{who}: a feature mask of shape {array.shape} for an input of shape {x.shape}"
        ) from None
