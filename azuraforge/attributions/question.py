"""What is asked of a model: which of its outputs is to be explained, and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from azuraforge.attributions.inputs import Arrays
from azuraforge.engine.device import Array, is_array, module_of
from azuraforge.engine.grad.higher import grad
from azuraforge.engine.grad.modes import enable_grad, no_grad
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

Model = Callable[..., Any]
FOLLOW = ("target", "additional_forward_args", "baselines", "feature_mask")  # a row per example


class Question:
    """One number per example of a batch, as a function of the inputs.

    `target` None: the output has one number per example. An integer: that column, for all; a tuple:
    a place in an output of more axes; a list, tensor or array of either: one for each example.
    `extras` go to the model after the inputs. What has a row per example follows the batch where
    inputs come several times over, one batch after the other.
    """

    def __init__(self, model: Model, target: Any, extras: Any, batch: int) -> None:
        self.model = model
        self.batch = batch
        self.target = np.asarray(target) if isinstance(target, list) else target
        if extras is None:
            self.extras: tuple[Any, ...] = ()
        else:
            self.extras = extras if isinstance(extras, tuple) else (extras,)

    def outputs(self, inputs: Sequence[Array]) -> Array:
        """What the model says. Shape: (rows, …) -> (rows,), or () if it says one thing of all"""
        with no_grad():
            output = self.call(map(Tensor, inputs), len(inputs[0]))
        if isinstance(output, int | float):
            return np.asarray(float(output))
        return self._chosen(output, len(inputs[0])).data

    def gradients(self, inputs: Sequence[Array]) -> Arrays:
        """Those of `outputs` with respect to each input; nobody's `.grad` changes.

        Raises: GradientError for inputs of whole numbers, and where nothing depends on the inputs.
        """
        with enable_grad():
            leaves = tuple(Tensor(x).requires_grad_() for x in inputs)
            return tuple(g.data for g in self.gradients_at(leaves, leaves))

    def gradients_at(self, inputs: Sequence[Tensor], wanted: Sequence[Tensor]) -> list[Tensor]:
        """Those with respect to `wanted`, which the inputs, or the model's hooks, lead to."""
        with enable_grad():
            output = self.call(inputs, len(inputs[0]))
            total = self._chosen(output, len(inputs[0])).sum()
        found = grad(total, list(wanted), materialize_grads=True)
        return [g for g in found if g is not None]

    def call(self, inputs: Iterable[Tensor], rows: int) -> Any:
        """What the model gives for so many rows."""
        times = rows // self.batch
        return self.model(*inputs, *(repeated(x, self.batch, times) for x in self.extras))

    def _chosen(self, output: Any, rows: int) -> Tensor:
        if not isinstance(output, Tensor):
            raise ConfigError(
                f"the model gives a {type(output).__name__}; allowed: a tensor; wrap it in a "
                "function that returns the one to be explained"
            )
        return selected(output, repeated(self.target, self.batch, rows // self.batch))


def selected(output: Tensor, target: Any) -> Tensor:
    """The output that is explained, of each example. Shape: (batch, …) -> (batch,)

    Raises: ShapeError, ConfigError.
    """
    chosen = output
    if target is not None:
        try:
            chosen = output[_index(target, output)]
        except (IndexError, ShapeError):
            raise ShapeError(
                f"target {target!r} is not in an output of shape {output.shape}"
            ) from None
    if chosen.ndim == 2 and chosen.shape[1] == 1:
        chosen = chosen.reshape(-1)
    if chosen.ndim > 1:
        raise ShapeError(
            f"target {target!r} leaves {chosen.shape[1:]} numbers per example of an output of "
            f"shape {output.shape}; name one of them by `target`"
        )
    return chosen


def repeated(value: Any, batch: int, times: int) -> Any:
    """What goes with a batch, for the batch `times` over; without a row per example, as it is."""
    if isinstance(value, tuple):
        return tuple(repeated(each, batch, times) for each in value)
    if isinstance(value, Tensor):
        return Tensor(repeated(value.data, batch, times))
    if times != 1 and is_array(value) and value.ndim and len(value) == batch:
        return module_of(value).concatenate([value] * times)
    return value


def following(settings: dict[str, Any], batch: int, times: int) -> dict[str, Any]:
    """A method's settings for inputs `times` over."""
    own = dict(settings)
    if isinstance(own.get("target"), list):
        own["target"] = np.asarray(own["target"])
    return own | {key: repeated(own[key], batch, times) for key in FOLLOW if key in own}


def _index(target: Any, output: Tensor) -> tuple[Any, ...]:
    if isinstance(target, int | np.integer):
        return (slice(None), int(target))
    if isinstance(target, tuple):
        return (slice(None), *target)
    places = target.data if isinstance(target, Tensor) else np.asarray(target)
    if places.dtype.kind not in "iu" or not places.size:
        raise ConfigError(
            f"target {target!r}; allowed: None, an integer, a tuple of them, or a list of either"
        )
    if places.size == 1:
        return (slice(None), int(places.reshape(-1)[0]))
    if len(places) != len(output):
        raise ShapeError(f"{len(places)} targets for {len(output)} examples")
    xp = module_of(output.data)
    return (xp.arange(len(places)), *xp.asarray(places).reshape(len(places), -1).T)
