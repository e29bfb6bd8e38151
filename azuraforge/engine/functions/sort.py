"""Elements in order."""

from __future__ import annotations

import numpy as np

from azuraforge.engine.functions.function import (
    axis_of,
    function,
)
from azuraforge.engine.functions.reduce import Found, value_and_places
from azuraforge.engine.ops import index, scan
from azuraforge.engine.ops import sort as order
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError


@function("argsort")
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The places that would bring the elements in order; equal ones stay in theirs."""
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        return Tensor(np.zeros((), np.int64))
    return order.argsort(input, axis=axis, descending=descending)


@function("sort")
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None
) -> Found:
    """The elements in order along dim, and their places."""
    places = argsort(input, dim, descending)
    if not input.ndim:
        return Found(input * 1, places)
    return Found(index.gather(input, places, axis=dim), places)


@function("msort")
def msort(input: Tensor) -> Tensor:
    """The elements in order along the first axis."""
    return sort(input, 0).values


@function("topk")
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
    """The k largest elements along dim, and their places."""
    axis = axis_of(dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= size:
        raise ShapeError(f"k is {k}; allowed: 0 to {size}, the size of dim {dim}")
    if not input.ndim:
        return Found(input * 1, Tensor(np.zeros((), np.int64)))
    places = scan.part(order.argsort(input, axis=axis, descending=largest), axis, 0, k)
    return Found(index.gather(input, places, axis=axis), places)


def _ranked(input: Tensor, rank: int, axis: int, keepdim: bool) -> Found:
    """The element of this rank along an axis."""
    places = order.argsort(input, axis=axis)
    return value_and_places(
        input, getitem(places, index=(*(slice(None),) * axis, rank)), axis, keepdim
    )


@function("kthvalue")
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Found:
    """The k-th smallest element along dim, counted from 1, and its place."""
    axis = axis_of(dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if not 1 <= k <= size:
        raise ShapeError(f"k is {k}; allowed: 1 to {size}, the size of dim {dim}")
    if not input.ndim:
        return Found(input * 1, Tensor(np.zeros((), np.int64)))
    return _ranked(input, k - 1, axis, keepdim)
