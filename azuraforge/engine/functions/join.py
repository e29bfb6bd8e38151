"""Tensors put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azuraforge.engine.functions.function import (
    alias,
    axis_of,
    function,
    tensor_of,
)
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.promotion import common_type
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError, ShapeError


def several_of(tensors: Any) -> list[Tensor]:
    """Tensors given one by one, or as one sequence."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tensors[0]
    if not tensors:
        raise ShapeError("there are no tensors; allowed: at least one")
    return [tensor_of(x, "tensor") for x in tensors]


def _alike(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of their common type."""
    common = common_type([x.data.reshape(-1) for x in tensors])
    return [x if x.dtype == common else x.to(common) for x in tensors]


@function("cat")
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors one after the other along dim."""
    if isinstance(tensors, Tensor):
        raise DTypeError("tensors is a Tensor; allowed: a sequence of them")
    given = several_of((tensors,))
    shapes = [x.shape for x in given]
    given = [x for x in given if x.shape != (0,)] or given[:1]
    if any(not x.ndim for x in given):
        raise ShapeError(f"shapes {shapes}; allowed: at least one dimension")
    axis = axis_of(dim, given[0].ndim)
    if len({x.ndim for x in given}) > 1:
        raise ShapeError(f"shapes {shapes}; allowed: as many dimensions each")
    return layout.cat(*_alike(given), axis=axis)


alias("concat", "concatenate", of="cat")


@function("stack")
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new axis at dim."""
    given = several_of((tensors,))
    return layout.stack(*_alike(given), axis=axis_of(dim, given[0].ndim + 1))


def _at_least(n: int, x: Tensor) -> Tensor:
    if x.ndim >= n:
        return x
    if n == 3 and x.ndim:
        shape = (1, x.shape[0], 1) if x.ndim == 1 else (*x.shape, 1)
        return layout.reshape(x, shape=shape)
    return layout.reshape(x, shape=(*(1,) * (n - x.ndim), *x.shape))


def _at_least_function(n: int) -> Any:
    def call(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return _at_least(n, tensors[0])
        return tuple(_at_least(n, x) for x in several_of(tensors))

    call.__doc__ = f"Tensors with at least {n} dimensions."
    return function(f"atleast_{n}d")(call)


atleast_1d, atleast_2d, atleast_3d = (_at_least_function(n) for n in (1, 2, 3))


@function("hstack")
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side: along axis 1, or 0 where there is one axis."""
    given = [_at_least(1, x) for x in several_of((tensors,))]
    return cat(given, 0 if given[0].ndim == 1 else 1)


@function("vstack")
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one above the other."""
    return cat([_at_least(2, x) for x in several_of((tensors,))], 0)


alias("row_stack", of="vstack")


@function("dstack")
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one behind the other."""
    return cat([_at_least(3, x) for x in several_of((tensors,))], 2)


@function("column_stack")
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side, rows of numbers as columns."""
    given = several_of((tensors,))
    return hstack([layout.reshape(x, shape=(x.data.size, 1)) if x.ndim <= 1 else x for x in given])


@function("block_diag")
def block_diag(*tensors: Any) -> Tensor:
    """A matrix with matrices along its diagonal."""
    given = _alike([_at_least(2, x) for x in several_of(tensors)])
    if any(x.ndim > 2 for x in given):
        raise ShapeError(f"shapes {[x.shape for x in given]}; allowed: at most 2 dimensions")
    width = sum(x.shape[1] for x in given)
    rows, left = [], 0
    for x in given:
        right = width - left - x.shape[1]
        rows.append(layout.pad(x, widths=((0, 0), (left, right))))
        left += x.shape[1]
    return cat(rows, 0)
