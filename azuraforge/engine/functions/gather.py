"""Elements by their places along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import axis_of, function, tensor_of
from azuraforge.engine.functions.reshape import ravel
from azuraforge.engine.ops import index as places
from azuraforge.engine.ops.shape import expand, getitem, reshape
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import DTypeError, ShapeError


def whole(index: Any, what: str = "index") -> Any:
    """The array of a tensor of places. Raises: DTypeError unless it holds whole numbers."""
    found = tensor_of(index, what).data
    if found.dtype.kind not in "iu":
        raise DTypeError(f"{what} is {found.dtype}; allowed: int64, int32")
    return found


def within(index: Any, size: int, what: str = "index") -> Any:
    """Places counted from the front. Raises: ShapeError outside -size to size - 1."""
    if index.size and (int(index.min()) < -size or int(index.max()) >= size):
        raise ShapeError(
            f"{what} holds {int(index.min())} to {int(index.max())}; allowed: {-size} to {size - 1}"
        )
    return module_of(index).where(index < 0, index + size, index)


def at_least_row(x: Tensor) -> Tensor:
    """A number as a row of one."""
    return x if x.ndim else reshape(x, shape=(1,))


def _nothing(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """No elements of the input, in a shape that holds none."""
    return reshape(getitem(ravel(input), index=slice(0, 0)), shape=shape)


@function("gather")
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """y[i][j] = input[index[i][j]][j] along dim 0."""
    whole(index)
    axis = axis_of(dim, input.ndim)
    if not index.data.size:
        return _nothing(input, index.shape)
    if not input.ndim or not index.ndim:
        y = places.gather(at_least_row(input), at_least_row(index), axis=axis)
        return reshape(y, shape=index.shape)
    return places.gather(input, index, axis=axis)


@function("take_along_dim")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """gather, with both broadcast outside dim; without dim, of all elements."""
    whole(indices, "indices")
    if dim is None:
        return places.gather(ravel(input), ravel(indices), axis=0)
    axis = axis_of(dim, input.ndim)
    if input.ndim != indices.ndim:
        raise ShapeError(
            f"input {input.shape}, indices {indices.shape}; allowed: as many dimensions"
        )
    sizes = np.broadcast_shapes(
        *((*x.shape[:axis], *x.shape[axis + 1 :]) for x in (input, indices))
    )
    x, index = (
        expand(x, shape=(*sizes[:axis], x.shape[axis], *sizes[axis:])) for x in (input, indices)
    )
    read("take_along_dim")
    return places.gather(x, Tensor(within(index.data, x.shape[axis])), axis=axis)
