"""Embedding: rows of a table by number."""

from __future__ import annotations

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.module import Module, Parameter
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor

__all__ = ["Embedding"]


class Embedding(Module):
    """A learned row per number.

    Shape:  (…) whole numbers below num_embeddings -> (…, embedding_dim)
    Raises: ShapeError for a number out of range.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), np.float32))
        init.normal_(self.weight, generator=generator)

    def forward(self, indices: Tensor | Array) -> Tensor:
        return functional.embedding(indices, self.weight)

    def extra_repr(self) -> str:
        rows, width = self.weight.shape
        return f"{rows}, {width}"
