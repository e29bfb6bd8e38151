"""The interface by which the `onnx` package runs and tests other implementations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx.backend.base import Backend, BackendRep

from azuraforge.engine.grad.modes import no_grad
from azuraforge.interop.onnx.graph import Graph
from azuraforge.interop.onnx.model import load
from azuraforge.interop.onnx.values import as_array


class Prepared(BackendRep):  # type: ignore[misc]
    """A graph that takes arrays and gives arrays."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run(self, inputs: Sequence[Any], **kwargs: Any) -> list[Any]:
        with no_grad():
            return [as_array(value) for value in self.graph.run(inputs)]


class AzuraForgeBackend(Backend):  # type: ignore[misc]
    """AzuraForge as an ONNX backend, on the CPU."""

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> Prepared:
        return Prepared(load(model))

    @classmethod
    def run_model(cls, model: Any, inputs: Any, device: str = "CPU", **kwargs: Any) -> list[Any]:
        given = inputs if isinstance(inputs, list | tuple) else [np.asarray(inputs)]
        return cls.prepare(model, device).run(given)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"


prepare = AzuraForgeBackend.prepare
run_model = AzuraForgeBackend.run_model
supports_device = AzuraForgeBackend.supports_device
