"""A layer inside a model: what goes in or comes out of it, and gradients with respect to that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from azuraforge.attributions.attribution import Attribution
from azuraforge.attributions.inputs import Arrays, Given, like
from azuraforge.attributions.question import Model, Question
from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.nn import Module
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

Change = Callable[[Tensor], Tensor]


class LayerAttribution(Attribution):
    """A method that explains by what `layer`, a module within the model, does.

    Raises: ConfigError where the model does not call the layer once.
    """

    def __init__(self, forward_func: Model, layer: Module) -> None:
        super().__init__(forward_func)
        if not isinstance(layer, Module):
            raise ConfigError(f"{self.name}: layer is {type(layer).__name__}; allowed: a module")
        self.layer = layer

    def activation(self, question: Question, inputs: Arrays, *, of_input: bool) -> Arrays:
        """What the layer gives, or gets."""
        with passing(self.layer, _unchanged, self.name, of_input=of_input) as seen, no_grad():
            question.call(map(Tensor, inputs), len(inputs[0]))
        return tuple(y.data for y in seen)

    def activation_and_gradient(
        self, question: Question, inputs: Arrays, *, of_input: bool
    ) -> tuple[Arrays, Arrays]:
        """What the layer gives, or gets, and the explained output's gradients there."""
        with passing(self.layer, _as_leaf, self.name, of_input=of_input) as seen:
            found = question.gradients_at([Tensor(x) for x in inputs], seen)
        return tuple(y.data for y in seen), tuple(g.data for g in found)


class LayerActivation(LayerAttribution):
    """What a layer gives, or, with `attribute_to_layer_input`, gets."""

    def attribute(
        self,
        inputs: Given,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
    ) -> Any:
        """A tensor; a tuple of them where there are several."""
        arrays, question = self.asked(inputs, None, additional_forward_args)
        return one_or_several(self.activation(question, arrays, of_input=attribute_to_layer_input))


def one_or_several(arrays: Arrays) -> Any:
    """A tensor, or a tuple of them."""
    return like(arrays if len(arrays) > 1 else arrays[0], arrays)


@contextmanager
def passing(layer: Module, change: Change, who: str, *, of_input: bool) -> Iterator[list[Tensor]]:
    """Within the block, the tensors that the layer gives, or gets, as `change` leaves them.

    They are in the list when the model has been called.
    """
    seen: list[Tensor] = []
    calls = []

    def changed(value: Any) -> Any:
        calls.append(type(layer).__name__)
        if len(calls) > 1:
            raise ConfigError(
                f"{who}: the model calls the layer {calls[0]} more than once; name one that it "
                "calls once"
            )
        several = value if isinstance(value, tuple | list) else (value,)
        passed = [change(each) if isinstance(each, Tensor) else each for each in several]
        seen.extend(each for each in passed if isinstance(each, Tensor))
        return type(value)(passed) if isinstance(value, tuple | list) else passed[0]

    if of_input:
        handle = layer.register_forward_pre_hook(lambda module, given: changed(given))
    else:
        handle = layer.register_forward_hook(lambda module, given, output: changed(output))
    try:
        yield seen
    finally:
        handle.remove()
    if not calls:
        raise ConfigError(f"{who}: the model does not call the layer {type(layer).__name__}")


def _unchanged(y: Tensor) -> Tensor:
    return y


def _as_leaf(y: Tensor) -> Tensor:
    return Tensor(y.data).requires_grad_()
