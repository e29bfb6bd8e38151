"""Integrated gradients."""

from __future__ import annotations

from typing import Any

from azuraforge.attributions.attribution import Attribution, excess
from azuraforge.attributions.inputs import Given, baselines_of, like
from azuraforge.attributions.path import Method, pieces, points, rule, weighted
from azuraforge.attributions.question import Model
from azuraforge.engine.tensor import Tensor


class IntegratedGradients(Attribution):
    """(x - x') ∫ ∂f(x' + a (x - x'))/∂x da from 0 to 1, which adds up to f(x) - f(x').

    With `multiply_by_inputs=False` the integral alone.

    Source: Sundararajan et al. (2017), Axiomatic attribution for deep networks.
    """

    needs_gradient = True

    def __init__(self, forward_func: Model, multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
        self.multiplies_by_inputs = multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        return True

    def attribute(
        self,
        inputs: Given,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: Method = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Attributions; beside them, if asked for, how far the sum of each example's is off.

        The points of all examples go through the model together, or `internal_batch_size` rows at a
        time.
        """
        ends, question = self.asked(inputs, target, additional_forward_args)
        starts = baselines_of(ends, baselines, self.name)
        made = [x * 0 for x in ends]
        for part in pieces(rule(method, n_steps), question.batch, internal_batch_size):
            found = question.gradients(points(starts, ends, part.places))
            for total, g in zip(made, found, strict=True):
                total += weighted(g, part.weights)
        if self.multiplies_by_inputs:
            made = [g * (x - start) for g, x, start in zip(made, ends, starts, strict=True)]
        result = like(inputs, made)
        if not return_convergence_delta:
            return result
        return result, Tensor(excess(question, tuple(made), starts, ends))
