"""Which layer and which op made a loss or a gradient NaN or Inf: the step done again, watched."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.grad.autograd import detect_anomaly
from azuraforge.engine.nn import Module
from azuraforge.errors import NonFiniteError


def explain(
    model: Module,
    batches: Sequence[tuple[Array, ...]],
    run: Callable[[Any], None],
    step: int,
    loss: float,
) -> NonFiniteError:
    """What to raise of a step that failed: it names the parameter, the batch, or layer and op.

    `run` does forward and backward of a batch, from the state before the step.
    """
    where = f"step {step}: loss {loss}"
    for key, array in model.state_dict().items():
        if not _is_finite(array):
            return NonFiniteError(f"{where}; parameter {key} is not finite before the step")
    for array in (array for batch in batches for array in batch):
        if array.dtype.kind == "f" and not _is_finite(array):
            return NonFiniteError(f"{where}; the batch itself holds NaN or Inf")
    try:
        with detect_anomaly():
            for batch in batches:
                run(batch)
    except NonFiniteError as error:
        return NonFiniteError(f"{where}; {error}")
    if not math.isfinite(loss):
        return NonFiniteError(f"{where}; no op made it: the loss function did, without one")
    return NonFiniteError(f"{where}; no single op made it: {_largest(model)}")


def _is_finite(array: Array) -> bool:
    return bool(module_of(array).isfinite(array).all())


def _largest(model: Module) -> str:
    """The layer whose gradient has the largest number, which the norm squares."""
    sizes = {
        path: float(abs(parameter.grad.data).max())
        for path, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.data.size
    }
    path = max(sizes, key=lambda key: sizes[key])
    return f"the gradient norm overflowed, {path} has numbers up to {sizes[path]:.3g}"
