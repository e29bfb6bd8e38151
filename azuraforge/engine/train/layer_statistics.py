"""Statistics of a step, parameter by parameter; they cost something only where they are asked for.

mean, std       of the parameter after the step
grad_norm       of its gradient, before clipping
update_ratio    norm of the update / norm of the parameter, the larger of before and after it
"""

from __future__ import annotations

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.nn import Module
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.train.happenings import LayerStatistics, Metrics


class Comparison:
    """A model's parameters as they are before an update, and how large their gradients are."""

    def __init__(self, model: Module, *, is_usable: bool) -> None:
        """Gradients that are not usable, since half precision lost some, count as none."""
        self._before = [
            (path, p, p.data.copy(), _norm_of_gradient(p) if is_usable else 0.0)
            for path, p in model.named_parameters()
        ]

    def after(self, step: int) -> LayerStatistics:
        """The statistics, once the update is made."""
        layers = {
            path: {**_moments(parameter.data), "grad_norm": norm, "update_ratio": _ratio(old, new)}
            for path, parameter, old, norm in self._before
            for new in [parameter.data]
        }
        return LayerStatistics(step=step, layers=layers)


def _moments(x: Array) -> Metrics:
    return {"mean": float(x.mean(dtype="float64")), "std": float(x.std(dtype="float64"))}


def _ratio(old: Array, new: Array) -> float:
    larger = max(_norm(old), _norm(new))
    return _norm(new - old) / larger if larger else 0.0


def _norm_of_gradient(parameter: Tensor) -> float:
    return 0.0 if parameter.grad is None else _norm(parameter.grad.data)


def _norm(x: Array) -> float:
    return float(module_of(x).linalg.norm(x.reshape(-1)))
