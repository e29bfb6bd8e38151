"""Conductance: how much of the difference of outputs flows through each unit of a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.attributions.attribution import excess
from azuraforge.attributions.inputs import Arrays, Given, baselines_of
from azuraforge.attributions.layer import LayerAttribution, one_or_several
from azuraforge.attributions.path import Method, pieces, points, rule
from azuraforge.attributions.question import Question
from azuraforge.engine.device import Array
from azuraforge.engine.tensor import Tensor


class LayerConductance(LayerAttribution):
    """∫ ∂f/∂y dy along the straight way from baseline to input, y being what the layer gives.

    Computed as Σ ∂f/∂y at a rule's places times how far y moves over the part that each stands for.
    Adds up to f(x) - f(x') for a layer that everything goes through.

    Source: Dhamdhere et al. (2019), How important is a neuron?
    """

    needs_gradient = True

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
        attribute_to_layer_input: bool = False,
    ) -> Any:
        """Shape: as what the layer gives, or gets; delta (batch,)"""
        ends, question = self.asked(inputs, target, additional_forward_args)
        starts = baselines_of(ends, baselines, self.name)
        total: Arrays = ()
        edge = 0.0
        for part in pieces(rule(method, n_steps), question.batch, internal_batch_size):
            edges = edge + np.concatenate([[0.0], np.cumsum(part.weights)])
            edge = float(edges[-1])
            ways = points(starts, ends, edges), points(starts, ends, part.places)
            flows = self._flows(question, *ways, of_input=attribute_to_layer_input)
            total = tuple(a + b for a, b in zip(total, flows, strict=True)) if total else flows
        result = one_or_several(total)
        if not return_convergence_delta:
            return result
        return result, Tensor(excess(question, total, starts, ends))

    def _flows(
        self, question: Question, edges: Arrays, places: Arrays, *, of_input: bool
    ) -> Arrays:
        """Over one part of the way. Shape: (places * batch, …) -> (batch, …)"""
        passed = self.activation(question, edges, of_input=of_input)
        _, found = self.activation_and_gradient(question, places, of_input=of_input)
        batch = question.batch

        def by_place(values: Array) -> Array:
            shaped: Array = values.reshape(-1, batch, *values.shape[1:])
            return shaped

        return tuple(
            (by_place(g) * np.diff(by_place(y), axis=0)).sum(0)
            for y, g in zip(passed, found, strict=True)
        )
