"""Distances and angles between rows."""

from __future__ import annotations

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import axis_of, function, tensor_of
from azuraforge.engine.functions.norms import vector_norm
from azuraforge.engine.functions.reduce import sum as total
from azuraforge.engine.functions.reshape import broadcast_tensors
from azuraforge.engine.nn.functional.loss import held_from_below
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError, ShapeError

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


@function("nn.functional.cosine_similarity")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (|x1| |x2|) along dim, lengths held at eps from below; shapes are broadcast."""
    for x in (tensor_of(x1, "x1"), tensor_of(x2, "x2")):
        if x.dtype.kind not in "fc":
            raise DTypeError(f"input is {x.dtype}; allowed: floating types")
    one, other = broadcast_tensors(x1, x2)
    axis = axis_of(dim, one.ndim)
    parts = [x / held_from_below(vector_norm(x, 2, axis, True), eps) for x in (one, other)]
    y: Tensor = total(parts[0] * parts[1], axis)
    return y


@function("nn.functional.pairwise_distance")
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis; shapes are broadcast."""
    apart = tensor_of(x1, "x1") - tensor_of(x2, "x2") + eps
    return vector_norm(apart, p, -1, keepdim)


@function("nn.functional.pdist")
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of each row and every one after it.

    Shape:  (rows, width) -> (rows (rows - 1) / 2,)
    Raises: ShapeError.
    """
    if tensor_of(input).ndim != 2:
        raise ShapeError(f"input {input.shape}; allowed: (rows, width)")
    if p < 0:
        raise ShapeError(f"p is {p}; allowed: 0 and above")
    one, other = np.triu_indices(len(input), 1)
    xp = module_of(input.data)
    if not len(one) or not input.shape[1]:
        return input.sum() * Tensor(xp.zeros(len(one), input.dtype))
    return vector_norm(input[xp.asarray(one)] - input[xp.asarray(other)], p, -1)
