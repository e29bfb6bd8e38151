"""What all methods share: the model they explain, and how far a sum of attributions is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from azuraforge.attributions.inputs import Arrays, Given, baselines_of, several
from azuraforge.attributions.question import Model, Question
from azuraforge.engine.device import Array, put
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError


class Attribution:
    """A method: `Method(model).attribute(inputs, target=…)` gives each input its share.

    The model is any function of tensors; modules stay in the mode they are in, and their gradients
    and hooks stay as they are. Attributions have the form and shapes of the inputs.
    """

    needs_gradient: ClassVar[bool] = False  # with respect to the inputs
    attribute: Callable[..., Any]  # each method's own: the inputs, and what it wants to know

    def __init__(self, forward_func: Model) -> None:
        self.forward_func = forward_func

    @property
    def name(self) -> str:
        return type(self).__name__

    def has_convergence_delta(self) -> bool:
        """Whether attributions are to add up to a difference of outputs."""
        return False

    def asked(self, inputs: Given, target: Any, extras: Any) -> tuple[Arrays, Question]:
        """The inputs, and what is asked about them. Raises: DTypeError, ShapeError."""
        arrays = several(inputs, self.name)
        whole = [str(x.dtype) for x in arrays if x.dtype.kind not in "fc"]
        if whole and self.needs_gradient:
            raise DTypeError(
                f"{self.name}: an input of {whole[0]} has no gradient; allowed: floating numbers; "
                "use FeatureAblation or ShapleyValueSampling, or explain by the model after its "
                "embedding"
            )
        return arrays, Question(self.forward_func, target, extras, len(arrays[0]))

    def compute_convergence_delta(
        self,
        attributions: Given,
        start_point: Given,
        end_point: Given,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> Tensor:
        """How much more the attributions of each example add up to than f(end) - f(start).

        Shape: -> (batch,)
        """
        ends, question = self.asked(end_point, target, additional_forward_args)
        starts = baselines_of(ends, start_point, self.name)
        parts = several(attributions, self.name)
        return Tensor(excess(question, parts, starts, ends))


def excess(question: Question, attributions: Arrays, starts: Arrays, ends: Arrays) -> Array:
    """Their sums, less f(ends) - f(starts), in float64."""
    gained, before = (
        put(question.outputs(points), "cpu").astype(np.float64) for points in (ends, starts)
    )
    return np.asarray(sums(attributions) - (gained - before))


def sums(parts: Arrays) -> Array:
    """What each example's numbers add up to, in float64. Shape: (batch, …) … -> (batch,)"""
    total: Array = sum(
        put(part, "cpu").reshape(len(part), -1).sum(1, dtype=np.float64) for part in parts
    )
    return total
