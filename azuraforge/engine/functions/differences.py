"""Differences and integrals along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.functions.function import (
    alias,
    axis_of,
    function,
)
from azuraforge.engine.ops import reduce, rounding, scan
from azuraforge.engine.ops.shape import cat, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError


@function("diff")
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours along dim, n times."""
    if n < 0:
        raise ConfigError(f"n is {n}; allowed: at least 0")
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    axis = axis_of(dim, input.ndim)
    if not n:
        return input * 1
    parts = [x for x in (prepend, input, append) if x is not None]
    x = cat(*parts, axis=axis) if len(parts) > 1 else input
    for _ in range(n):
        size = x.shape[axis]
        if not size:
            return x
        later, earlier = scan.part(x, axis, 1, None), scan.part(x, axis, 0, size - 1)
        x = rounding.logical_xor(later, earlier) if x.dtype == np.bool_ else later - earlier
    return x


def _spacing(y: Tensor, x: Tensor | None, dx: Any, axis: int) -> Any:
    if x is None:
        return 1.0 if dx is None else dx
    steps = diff(x, dim=-1 if x.ndim == 1 else axis)
    if x.ndim == 1:
        return reshape(steps, shape=(-1, *(1,) * (y.ndim - axis - 1)))
    return steps


def _trapezoids(y: Tensor, x: Tensor | None, dx: Any, axis: int) -> Tensor:
    size = y.shape[axis]
    both = scan.part(y, axis, 1, None) + scan.part(y, axis, 0, max(0, size - 1))
    return both * 0.5 * _spacing(y, x, dx, axis)


@function("trapezoid")
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral along dim by trapezoids, at places x or dx apart."""
    axis = axis_of(dim, y.ndim)
    return reduce.sum(_trapezoids(y, x, dx, axis), axis=axis - y.ndim)


alias("trapz", of="trapezoid")


@function("cumulative_trapezoid")
def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1
) -> Tensor:
    """The running integral along dim by trapezoids."""
    axis = axis_of(dim, y.ndim)
    return scan.cumsum(_trapezoids(y, x, dx, axis), axis=axis - y.ndim)
