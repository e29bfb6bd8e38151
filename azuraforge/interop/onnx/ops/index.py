"""Numbers looked up, and put, at places."""

from __future__ import annotations

from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.values import chosen

REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}  # ONNX's, PyTorch's names


@converter("Gather")
def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Any:
    axis = axis % x.ndim
    return x[(*(slice(None),) * axis, _from_front(indices, x.shape[axis]))]


@converter("GatherElements", since=11)
def gather_elements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Any:
    return az.gather(x, axis, _from_front(indices, x.shape[axis]))


@converter("GatherND", since=11)
def gather_nd(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Any:
    batch = [
        Tensor(np.arange(n).reshape(-1, *(1,) * (indices.ndim - 2 - i)))
        for i, n in enumerate(x.shape[:batch_dims])
    ]
    depth = indices.shape[-1]
    places = [_from_front(indices[..., i], x.shape[batch_dims + i]) for i in range(depth)]
    return x[(*batch, *places)]


@converter("Scatter", "ScatterElements")
def scatter_elements(
    x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Any:
    places = _from_front(indices, x.shape[axis])
    if reduction == "none":
        return az.scatter(x, axis, places, updates)
    return az.scatter_reduce(x, axis, places, updates, _reduction(reduction))


@converter("ScatterND", since=11)
def scatter_nd(x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Any:
    """The part of x that each row of indices leads to, replaced by or combined with the update."""
    depth = indices.shape[-1]
    places = [_from_front(indices[..., i], x.shape[i]) for i in range(depth)]
    if reduction in ("none", "add"):
        return az.index_put(x, tuple(places), updates, accumulate=reduction == "add")
    sizes = x.shape[:depth]
    weights = [int(np.prod(sizes[i + 1 :])) for i in range(depth)]
    rows = sum((p * w for p, w in zip(places, weights, strict=True)), start=0)
    flat = az.reshape(x, int(np.prod(sizes)), -1)
    each = az.reshape(updates, -1, flat.shape[1])
    spread = az.broadcast_to(az.reshape(rows, -1, 1), each.shape)
    found = az.scatter_reduce(flat, 0, spread, each, _reduction(reduction))
    return az.reshape(found, *x.shape)


@converter("OneHot", since=9, host="depth")
def one_hot(indices: Tensor, depth: Any, values: Tensor, *, axis: int = -1) -> Any:
    """values[1] where an index leads, counted from the back below zero, else values[0]."""
    count = int(np.asarray(depth).item())
    axis = axis % (indices.ndim + 1)
    places = az.unsqueeze(az.remainder(indices, count), axis)
    is_inside = az.unsqueeze(az.logical_and(indices >= -count, indices < count), axis)
    sizes = [1] * (indices.ndim + 1)
    sizes[axis] = count
    every = Tensor(np.arange(count).reshape(sizes))
    return az.where((places == every) & is_inside, values[1], values[0])


@converter("Compress", since=9, host="condition")
def compress(x: Tensor, condition: Any, *, axis: int | None = None) -> Any:
    return chosen(az.ravel(x) if axis is None else x, axis or 0, np.nonzero(condition)[0])


@converter("TensorScatter", since=24, host="starts")
def tensor_scatter(
    cache: Tensor, update: Tensor, starts: Any = None, *, mode: str = "linear", axis: int = -2
) -> Any:
    """The cache with the update, for each of the batch from its own step on; circular, it wraps."""
    axis, steps = axis % cache.ndim, np.arange(update.shape[axis % cache.ndim])
    begins = np.zeros(len(cache), np.int64) if starts is None else starts
    places = begins[:, None] + steps
    if mode == "circular":
        places = places % cache.shape[axis]
    sizes = [1] * cache.ndim
    sizes[0], sizes[axis] = places.shape
    spread = np.broadcast_to(places.reshape(sizes), update.shape).copy()
    return az.scatter(cache, axis, Tensor(spread), update)


def _from_front(indices: Tensor, size: int) -> Any:
    """Indices below zero count from the back."""
    if indices.dtype.kind == "u":
        return indices.to("int64")
    return az.where(indices < 0, indices + size, indices).to("int64")


def _reduction(name: str) -> str:
    if name not in REDUCTIONS:
        raise ConfigError(f"reduction is {name!r}; allowed: none, {', '.join(REDUCTIONS)}")
    return REDUCTIONS[name]
