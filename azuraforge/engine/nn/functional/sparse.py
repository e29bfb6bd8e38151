"""Rows of tables."""

from __future__ import annotations

from typing import cast

from azuraforge.engine.device import Array
from azuraforge.engine.ops import index
from azuraforge.engine.tensor import Tensor

__all__ = ["embedding"]


def embedding(indices: Tensor | Array, weight: Tensor) -> Tensor:
    """Rows of `weight`. Shape: indices (…) whole numbers, weight (rows, width) -> (…, width)"""
    return cast(Tensor, index.embedding(weight, indices))
