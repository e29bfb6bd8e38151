"""Cross products, distances and powers of vectors."""

from __future__ import annotations

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import (
    FUNCTIONS,
    axis_of,
    function,
)
from azuraforge.engine.functions.join import cat
from azuraforge.engine.functions.norms import vector_norm
from azuraforge.engine.functions.reduce import sum, unsqueezed
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.shape import expand, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError


@function("linalg.cross")
def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along dim, of size 3."""
    if input.ndim != other.ndim:
        raise ShapeError(f"shapes {input.shape}, {other.shape}; allowed: as many dimensions")
    axis = axis_of(dim, input.ndim)
    shape = np.broadcast_shapes(input.shape, other.shape)
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        raise ShapeError(f"shapes {input.shape}, {other.shape}; allowed: size 3 along dim {dim}")
    a, b = (expand(x, shape=tuple(shape)) for x in (input, other))

    def turned(x: Tensor, by: int) -> Tensor:
        return layout.roll(x, shifts=(by,), axes=(axis,))

    return turned(a, -1) * turned(b, 1) - turned(a, 1) * turned(b, -1)


@function("cross")
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along dim, by default the first axis of size 3."""
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), -1)
    return linalg_cross(input, other, dim=dim)


@function("cdist")
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "") -> Tensor:
    """The p-norms of the differences of all pairs of rows."""
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"x1 {x1.shape}, x2 {x2.shape}; allowed: (…, m, width), (…, n, width)")
    apart = unsqueezed(x1, x1.ndim - 1) - unsqueezed(x2, x2.ndim - 2)
    if not apart.shape[-1]:
        return sum(apart, -1)
    return vector_norm(apart, p, -1)


@function("linalg.vander")
def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 0 to N - 1 of each element, along a new axis."""
    x = x if x.ndim else reshape(x, shape=(1,))
    count = x.shape[-1] if N is None else N
    if count < 1:
        raise ShapeError(f"N is {count}; allowed: at least 1")
    wide = expand(unsqueezed(x, x.ndim), shape=(*x.shape, count - 1))
    ones = Tensor(module_of(x.data).ones((*x.shape, 1), x.dtype))
    return cat([ones, FUNCTIONS["cumprod"](wide, -1)], -1)
