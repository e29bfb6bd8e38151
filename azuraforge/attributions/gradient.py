"""Attributions by the gradient at the input."""

from __future__ import annotations

from typing import Any

from azuraforge.attributions.attribution import Attribution
from azuraforge.attributions.inputs import Given, like


class Saliency(Attribution):
    """How strongly the output follows each input: |∂f/∂x|, or ∂f/∂x with `abs=False`.

    Source: Simonyan et al. (2014), Deep inside convolutional networks.
    """

    needs_gradient = True

    def attribute(
        self,
        inputs: Given,
        target: Any = None,
        abs: bool = True,
        additional_forward_args: Any = None,
    ) -> Any:
        arrays, question = self.asked(inputs, target, additional_forward_args)
        found = question.gradients(arrays)
        return like(inputs, [g.__abs__() for g in found] if abs else found)


class InputXGradient(Attribution):
    """x ∂f/∂x: the whole output, where it is linear in the inputs.

    Source: Shrikumar et al. (2016), Not just a black box.
    """

    needs_gradient = True

    def attribute(
        self, inputs: Given, target: Any = None, additional_forward_args: Any = None
    ) -> Any:
        arrays, question = self.asked(inputs, target, additional_forward_args)
        found = question.gradients(arrays)
        return like(inputs, [x * g for x, g in zip(arrays, found, strict=True)])
