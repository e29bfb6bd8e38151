"""Gradients kept from being too large, in place, between backward() and the optimizer's step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import NonFiniteError


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients down together where their norm is above max_norm; the norm before.

    Raises: NonFiniteError for a norm of NaN or Inf, if asked to.
    """
    trained = _with_gradients(parameters)
    gradients = [p.grad for p in trained if p.grad is not None]
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    clip_grads_with_norm_(trained, max_norm, total)
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor
) -> None:
    """grad *= min(max_norm / (total_norm + 1e-6), 1), for every gradient."""
    gradients = [p.grad.data for p in _with_gradients(parameters) if p.grad is not None]
    if gradients:
        tape.run(_scale, total_norm.data, float(max_norm), *gradients)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Every number of every gradient brought into [-clip_value, clip_value]."""
    gradients = [p.grad.data for p in _with_gradients(parameters) if p.grad is not None]
    if gradients:
        tape.run(_clamp, float(clip_value), *gradients)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """The norm of order norm_type of all numbers of all tensors, as one vector.

    Raises: NonFiniteError for a norm of NaN or Inf, if asked to.
    """
    arrays = [tensor.data for tensor in _listed(tensors)]
    if not arrays:
        return Tensor(np.zeros((), np.float32))
    total = Tensor(tape.compute(_norm, float(norm_type), *arrays))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise NonFiniteError(
            f"get_total_norm: the norm of order {norm_type} is {total.item()}, so gradients cannot "
            "be clipped by it; give error_if_nonfinite=False to scale them nevertheless"
        )
    return total


def _listed(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _with_gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = _listed(parameters)
    if not listed and isinstance(parameters, Iterator):
        warnings.warn("clip_grad: an empty generator, so nothing is clipped", stacklevel=3)
    return [parameter for parameter in listed if parameter.grad is not None]


def _norm(order: float, *arrays: Array) -> Array:
    """The norm of the arrays' norms, in float32 at least: squares of float16 end at 256."""
    xp = module_of(arrays[0])
    wide = [x.astype(np.float32) if x.dtype == np.float16 else x for x in arrays if x.size]
    norms = [xp.linalg.norm(x.ravel("K"), order) for x in wide]
    return xp.asarray(xp.linalg.norm(xp.stack(norms), order)) if norms else xp.zeros((), np.float32)


def _scale(total: Array, max_norm: float, *gradients: Array) -> None:
    scale = module_of(total).minimum(max_norm / (total + 1e-6), 1.0)
    for g in gradients:
        g *= scale


def _clamp(bound: float, *gradients: Array) -> None:
    for g in gradients:
        module_of(g).clip(g, -bound, bound, out=g)
