"""AzuraForge: an embeddable, actor-based deep-learning research framework.

A run is a deterministic function of its spec, its seed and the interventions made on it, written
down as it happens in a numbered journal.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azuraforge import (
        amp,
        attributions,
        autograd,
        data,
        fft,
        func,
        linalg,
        metrics,
        nn,
        optim,
        special,
        utils,
    )
    from azuraforge.actors.connect import connect
    from azuraforge.actors.predictor import Predictor
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.actors.training.trainer import Trainer
    from azuraforge.actors.tuner import Tuner
    from azuraforge.engine import Tensor, manual_seed, no_grad, set_threads, tensor
    from azuraforge.engine.grad.higher import grad
    from azuraforge.engine.grad.modes import (
        enable_grad,
        inference_mode,
        is_grad_enabled,
        set_grad_enabled,
    )
    from azuraforge.engine.grad.origin import explain
    from azuraforge.engine.ops.fuse import fuse
    from azuraforge.engine.replay.capture import capture
    from azuraforge.engine.replay.frozen import freeze
    from azuraforge.interop.files import load, save
    from azuraforge.schema.specs import RunSpec, StudySpec

__version__ = "0.1.0"

_HOME_OF = {  # public name -> module that defines it; resolved on first use (PEP 562)
    "Tensor": "azuraforge.engine.functions.function",
    "capture": "azuraforge.engine.replay.capture",
    "freeze": "azuraforge.engine.replay.frozen",
    "explain": "azuraforge.engine.grad.origin",
    "fuse": "azuraforge.engine.ops.fuse",
    "grad": "azuraforge.engine.grad.higher",
    "enable_grad": "azuraforge.engine.grad.modes",
    "inference_mode": "azuraforge.engine.grad.modes",
    "is_grad_enabled": "azuraforge.engine.grad.modes",
    "set_grad_enabled": "azuraforge.engine.grad.modes",
    "load": "azuraforge.interop.files",
    "save": "azuraforge.interop.files",
    "manual_seed": "azuraforge.engine",
    "no_grad": "azuraforge.engine",
    "set_threads": "azuraforge.engine",
    "tensor": "azuraforge.engine",
    "Predictor": "azuraforge.actors.predictor",
    "Registry": "azuraforge.actors.recording.registry",
    "Trainer": "azuraforge.actors.training.trainer",
    "Tuner": "azuraforge.actors.tuner",
    "connect": "azuraforge.actors.connect",
    "RunSpec": "azuraforge.schema.specs",
    "StudySpec": "azuraforge.schema.specs",
}
_MODULES = {
    "amp",
    "attributions",
    "autograd",
    "data",
    "fft",
    "func",
    "linalg",
    "metrics",
    "nn",
    "optim",
    "special",
    "utils",
}

__all__ = [  # noqa: RUF022  (in the order a reader meets them)
    "Tensor",
    "tensor",
    "grad",
    "no_grad",
    "enable_grad",
    "inference_mode",
    "set_grad_enabled",
    "is_grad_enabled",
    "manual_seed",
    "set_threads",
    "capture",
    "freeze",
    "fuse",
    "explain",
    "load",
    "save",
    "nn",
    "optim",
    "amp",
    "autograd",
    "data",
    "metrics",
    "linalg",
    "fft",
    "func",
    "special",
    "utils",
    "attributions",
    "RunSpec",
    "StudySpec",
    "Trainer",
    "Tuner",
    "Registry",
    "Predictor",
    "connect",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"azuraforge.{name}")
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    if not name.startswith("_"):  # a function of tensors, or an element type
        public = import_module("azuraforge.engine.functions.names").PUBLIC
        if name in public:
            return public[name]
    raise AttributeError(f"module 'azuraforge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
