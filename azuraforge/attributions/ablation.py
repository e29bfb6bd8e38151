"""What is lost when features are taken away, or mixed up between examples."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from azuraforge.attributions.attribution import Attribution
from azuraforge.attributions.features import Features, Game
from azuraforge.attributions.inputs import Given, baselines_of, like
from azuraforge.engine.device import Array, device_of, module_of, put
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

Permute = Callable[[Tensor, Tensor], Tensor]  # (input, mask of a feature's elements) -> changed


class FeatureAblation(Attribution):
    """f(x) - f(x with the feature at its baseline), for each feature.

    Where the model says one thing of all examples, attributions have a batch of 1.

    Source: Zeiler and Fergus (2014), Visualizing and understanding convolutional networks.
    """

    def attribute(
        self,
        inputs: Given,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        perturbations_per_eval: int = 1,
    ) -> Any:
        arrays, question = self.asked(inputs, target, additional_forward_args)
        features = Features(arrays, feature_mask, self.name)
        starts = baselines_of(arrays, baselines, self.name)
        game = Game(question, features, arrays, starts, perturbations_per_eval)
        everyone = np.ones((1, game.players), bool)
        without = ~np.eye(game.players, dtype=bool)
        return like(inputs, game.shares(game.values(everyone) - game.values(without)))


class FeaturePermutation(Attribution):
    """f(x) - f(x with the feature of other examples), for each feature.

    Source: Fisher et al. (2019), All models are wrong, but many are useful.
    """

    def attribute(
        self,
        inputs: Given,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        *,
        perm_func: Permute | None = None,
        generator: Generator | None = None,
    ) -> Any:
        """`perm_func(input, mask)` changes the elements of the mask; by default it shuffles rows.

        Raises: ShapeError for a mask that differs between examples.
        """
        arrays, question = self.asked(inputs, target, additional_forward_args)
        features = Features(arrays, feature_mask, self.name)
        if any(len(place) > 1 for place in features.places):
            raise ShapeError(f"{self.name}: feature masks with a row per example; allowed: one row")
        generator = generator or default_generator()
        full, lost = question.outputs(arrays).reshape(-1), []
        for feature in range(features.count):
            order = generator.permutation(question.batch)
            changed = tuple(
                _permuted(x, place == feature, order, perm_func)
                for x, place in zip(arrays, features.places, strict=True)
            )
            lost.append(put(full - question.outputs(changed).reshape(-1), "cpu"))
        return like(inputs, features.spread(np.stack(lost), arrays))


class Occlusion(Attribution):
    """f(x) - f(x with a window at its baseline), averaged over the windows that cover an element.

    Source: Zeiler and Fergus (2014), Visualizing and understanding convolutional networks.
    """

    def attribute(
        self,
        inputs: Given,
        sliding_window_shapes: Any,
        strides: Any = None,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> Any:
        """Windows and strides (1) are tuples without the batch axis; for several inputs, one each.

        The last window along an axis may reach beyond it. Raises: ConfigError.
        """
        arrays, question = self.asked(inputs, target, additional_forward_args)
        starts = baselines_of(arrays, baselines, self.name)
        full = put(question.outputs(arrays), "cpu").reshape(-1).astype(np.float64)
        several = isinstance(inputs, tuple | list)
        shapes = sliding_window_shapes if several else (sliding_window_shapes,)
        steps = strides if several and strides is not None else (strides,) * len(arrays)
        made = []
        for i, x in enumerate(arrays):
            total = np.zeros((len(full), *x.shape[1:]))
            covered = np.zeros(x.shape[1:])
            for window in _windows(x.shape[1:], shapes[i], steps[i], self.name):
                hidden = x.copy()
                hidden[:, *window] = starts[i][:, *window]
                said = put(question.outputs((*arrays[:i], hidden, *arrays[i + 1 :])), "cpu")
                lost = (full - said.reshape(-1)).reshape(-1, *(1,) * (x.ndim - 1))
                total[:, *window] += lost
                covered[window] += 1
            made.append(_as(total / np.maximum(covered, 1), x))
        return like(inputs, made)


def _permuted(x: Array, is_feature: Array, order: Array, perm_func: Permute | None) -> Array:
    xp = module_of(x)
    mask = xp.asarray(is_feature)
    if perm_func is not None:
        return perm_func(Tensor(x), Tensor(mask)).data
    changed: Array = xp.where(mask, x[xp.asarray(order)], x)
    return changed


def _windows(
    sizes: tuple[int, ...], shape: Any, strides: Any, who: str
) -> Iterator[tuple[slice, ...]]:
    """Every place of a window of the shape."""
    steps = strides if isinstance(strides, tuple) else (strides or 1,) * len(sizes)
    fits = isinstance(shape, tuple) and len(shape) == len(steps) == len(sizes)
    if (
        not fits
        or any(not 1 <= n <= m for n, m in zip(shape, sizes, strict=True))
        or min(steps) < 1
    ):
        raise ConfigError(
            f"{who}: sliding_window_shapes {shape}, strides {strides} for an input of {sizes} per "
            "example; allowed: a size from 1 to the input's along each axis, strides of 1 or more"
        )
    begins = [
        range(0, min(size - n + step, size), step)
        for size, n, step in zip(sizes, shape, steps, strict=True)
    ]
    for corner in itertools.product(*begins):
        yield tuple(slice(at, at + n) for at, n in zip(corner, shape, strict=True))


def _as(values: Array, x: Array) -> Array:
    return put(values.astype(x.dtype if x.dtype.kind == "f" else np.float32), device_of(x))
