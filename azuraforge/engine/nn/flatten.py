"""Layers that change no number: Identity, Flatten, Unflatten."""

from __future__ import annotations

import math
from typing import Any

from azuraforge.engine.nn.module import Module
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

__all__ = ["Flatten", "Identity", "Unflatten"]


class Identity(Module):
    """Its input, whatever it was made with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x


class Flatten(Module):
    """Axes start_dim to end_dim as one; all but the batch by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(self.start_dim, self.end_dim)


class Unflatten(Module):
    """Axis `dim` as several; one size may be -1.

    Raises: ShapeError if its size is not their product.
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        sizes, size = self.unflattened_size, x.shape[self.dim]
        known = math.prod(n for n in sizes if n != -1)
        if known != size and (sizes.count(-1) != 1 or not known or size % known):
            raise ShapeError(f"Unflatten: axis {self.dim} of {x.shape} does not part into {sizes}")
        axis = self.dim % x.ndim
        return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
