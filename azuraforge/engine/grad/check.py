"""Gradients, and gradients of gradients, compared with finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.grad.higher import grad
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import GradientError


def gradcheck(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Whether backward() agrees, else GradientError, unless `raise_exception` is False.

    Compared with it are central differences, for every floating input that needs a gradient.
    The outputs are weighted with fixed numbers and summed, so that every element of every output
    counts. The step is eps relative to each element's size where that is above 1.

    Raises: GradientError naming the input, the element and both numbers; also for an input that is
            not float64, where differences say nothing.
    Source: PyTorch's gradcheck, whose tolerances these are.
    """
    try:
        _check(function, _several(inputs), eps, atol, rtol)
    except GradientError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """As gradcheck, for the gradients themselves, with respect to the inputs and `grad_outputs`.

    Those are fixed numbers of the outputs' shapes where they are not given.

    Raises: GradientError as gradcheck does.
    Source: PyTorch's gradgradcheck.
    """
    inputs = _several(inputs)
    outputs = [y for y in _as_tuple(function(*inputs)) if y.requires_grad]
    if grad_outputs is None:
        grad_outputs = [Tensor(_weights(y.shape), requires_grad=True) for y in outputs]
    checked = [i for i, x in enumerate(inputs) if x.requires_grad]

    def gradients(*given: Tensor) -> tuple[Tensor, ...]:
        own, weights = given[: len(inputs)], given[len(inputs) :]
        results = [y for y in _as_tuple(function(*own)) if y.requires_grad]
        wanted = [own[i] for i in checked]
        return grad(results, wanted, weights, create_graph=True, materialize_grads=True)  # type: ignore[return-value]

    return gradcheck(
        gradients,
        [*inputs, *_several(grad_outputs)],
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )


def _check(
    function: Callable[..., Any], inputs: Sequence[Tensor], eps: float, atol: float, rtol: float
) -> None:
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


def _several(given: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [given] if isinstance(given, Tensor) else list(given)


def _as_tuple(outputs: Any) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
