"""Gradients that only what is positive passes back: GuidedBackprop, Deconvolution."""

from __future__ import annotations

from typing import Any

from azuraforge.attributions.attribution import Attribution
from azuraforge.attributions.inputs import Given, like
from azuraforge.attributions.replaced import Backward, replaced_gradients
from azuraforge.engine.nn import Module, ReLU
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError


class _OfReLUs(Attribution):
    """A gradient that passes the model's nn.ReLU modules in a way of its own.

    A ReLU that is called as a function is not seen.
    """

    needs_gradient = True

    def __init__(self, model: Module) -> None:
        super().__init__(model)
        if not isinstance(model, Module):
            raise ConfigError(f"{self.name}: model is {type(model).__name__}; allowed: a module")
        self.model = model

    def attribute(
        self, inputs: Given, target: Any = None, additional_forward_args: Any = None
    ) -> Any:
        arrays, question = self.asked(inputs, target, additional_forward_args)
        with replaced_gradients(self.model, (ReLU,), self.rule):
            return like(inputs, question.gradients(arrays))

    def rule(self, module: Module, x: Tensor, y: Tensor) -> Backward:
        raise NotImplementedError(f"{self.name}.rule is for a subclass to write")


class GuidedBackprop(_OfReLUs):
    """The gradient, from which each ReLU takes what is negative: g (g > 0) (x > 0).

    Source: Springenberg et al. (2015), Striving for simplicity.
    """

    def rule(self, module: Module, x: Tensor, y: Tensor) -> Backward:
        return lambda g: Tensor(g.data * (g.data > 0) * (x.data > 0))


class Deconvolution(_OfReLUs):
    """The gradient, where each ReLU looks at it and not at its input: g (g > 0).

    Source: Zeiler and Fergus (2014), Visualizing and understanding convolutional networks.
    """

    def rule(self, module: Module, x: Tensor, y: Tensor) -> Backward:
        return lambda g: Tensor(g.data * (g.data > 0))
