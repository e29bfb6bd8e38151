"""Gradients compared with finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import GradientError


def gradcheck(
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> None:
    """Compare backward() with central differences, for every floating input that needs a gradient.

    The outputs are weighted with fixed numbers and summed, so that every element of every output
    counts. The step is eps relative to each element's size where that is above 1.

    Raises: GradientError naming the input, the element and both numbers; also for an input that is
            not float64, where differences say nothing.
    Source: PyTorch's gradcheck, whose tolerances these are.
    """
    checked = [i for i, x in enumerate(inputs) if x.requires_grad]
    for i in checked:
        if inputs[i].dtype != np.float64:
            raise GradientError(f"gradcheck: input {i} is {inputs[i].dtype}; allowed: float64")
        inputs[i].grad = None
    outputs = _as_tuple(function(*inputs))
    weights = [_weights(np.shape(y.data)) for y in outputs]
    total = sum((y * w).sum() for y, w in zip(outputs, weights, strict=True) if y.requires_grad)
    if isinstance(total, Tensor):
        total.backward()

    def value() -> float:
        results = _as_tuple(function(*inputs))
        pairs = zip(results, weights, strict=True)
        return float(np.sum([np.sum(y.data * w) for y, w in pairs if y.dtype.kind == "f"]))

    for i in checked:
        expected = _differences(value, inputs[i].data, eps)
        grad = inputs[i].grad
        found = np.zeros_like(expected) if grad is None else grad.data
        bad = ~np.isclose(found, expected, rtol=rtol, atol=atol)
        if bad.any():
            at = tuple(int(n) for n in np.argwhere(bad)[0])
            raise GradientError(
                f"gradcheck: input {i} at {at}: backward() gives {found[at]:.9g}, differences "
                f"give {expected[at]:.9g} ({int(bad.sum())} of {bad.size} elements differ)"
            )


def _differences(value: Callable[[], float], x: Array, eps: float) -> Array:
    gradient = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        kept, step = x[at].copy(), eps * max(1.0, abs(float(x[at])))
        x[at] = kept + step
        above = value()
        x[at] = kept - step
        below = value()
        x[at] = kept
        gradient[at] = (above - below) / (2 * step)
    return gradient


def _weights(shape: tuple[int, ...]) -> Array:
    """Fixed numbers between 0.5 and 1.5, no two alike: every element pulls differently."""
    count = int(np.prod(shape))
    return (0.5 + (np.arange(count) * 0.6180339887498949) % 1.0).reshape(shape)


def _as_tuple(outputs: Any) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
