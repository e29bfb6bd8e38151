"""Where in the image: GradCAM, and guided backpropagation within it."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.attributions.attribution import Attribution
from azuraforge.attributions.guided import GuidedBackprop
from azuraforge.attributions.inputs import Given, like, several
from azuraforge.attributions.layer import LayerAttribution, one_or_several
from azuraforge.engine.device import Array, module_of
from azuraforge.engine.nn import Module
from azuraforge.errors import ShapeError


class LayerGradCam(LayerAttribution):
    """Σ over channels of their mean gradient times what they show, for each place of a layer.

    Source: Selvaraju et al. (2017), Grad-CAM.
    """

    def attribute(
        self,
        inputs: Given,
        target: Any = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        relu_attributions: bool = False,
        attr_dim_summation: bool = True,
    ) -> Any:
        """Shape: a layer of (batch, channels, …) -> (batch, 1, …), or all channels if not summed"""
        arrays, question = self.asked(inputs, target, additional_forward_args)
        shown, found = self.activation_and_gradient(
            question, arrays, of_input=attribute_to_layer_input
        )
        maps = []
        for y, g in zip(shown, found, strict=True):
            if y.ndim < 2:
                raise ShapeError(
                    f"{self.name}: a layer of {y.shape}; allowed: (batch, channels, …)"
                )
            weighted = g.mean(tuple(range(2, y.ndim)), keepdims=True) * y
            summed = weighted.sum(1, keepdims=True) if attr_dim_summation else weighted
            maps.append(summed.clip(0) if relu_attributions else summed)
        return one_or_several(tuple(maps))


class GuidedGradCam(Attribution):
    """Guided backpropagation times the positive part of GradCAM, as large as the input.

    Source: Selvaraju et al. (2017), Grad-CAM.
    """

    def __init__(self, model: Module, layer: Module) -> None:
        super().__init__(model)
        self.grad_cam = LayerGradCam(model, layer)
        self.guided = GuidedBackprop(model)

    def attribute(
        self,
        inputs: Given,
        target: Any = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
    ) -> Any:
        """Raises: ShapeError for an input with another number of axes than the layer."""
        map_ = self.grad_cam.attribute(
            inputs,
            target,
            additional_forward_args,
            attribute_to_layer_input=attribute_to_layer_input,
            relu_attributions=True,
        )
        found = self.guided.attribute(inputs, target, additional_forward_args)
        parts = several(found, self.name)
        return like(inputs, [g * nearest(map_.data, g.shape) for g in parts])


def nearest(map_: Array, shape: tuple[int, ...]) -> Array:
    """The map at the places of a larger image, each as the nearest one before it.

    Shape: (batch, 1, …), its places repeated or left out to those of `shape` (batch, channels, …)
    """
    if len(shape) != map_.ndim:
        raise ShapeError(f"a map of {map_.shape} for an input of {shape}; allowed: as many axes")
    for axis, (size, wanted) in enumerate(zip(map_.shape[2:], shape[2:], strict=True), 2):
        places = np.arange(wanted) * size // wanted
        map_ = map_.take(module_of(map_).asarray(places), axis)
    return map_
