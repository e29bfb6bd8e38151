"""Embedding: rows of a table by number; EmbeddingBag: rows of bags of numbers put together."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.functional.sparse import row_of
from azuraforge.engine.nn.module import Module, Parameter, placed
from azuraforge.engine.nn.settings import check_sizes
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = ["Embedding", "EmbeddingBag"]


class Table(Module):
    """What both share: a row per number, of which one may be for padding and begins with zeros.

    `sparse` is PyTorch's and changes nothing: gradients are of the whole table.

    Raises: ConfigError, ShapeError.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        given: Tensor | None,
        freeze: bool,
        generator: Generator | None,
    ) -> None:
        super().__init__()
        check_sizes(
            type(self).__name__, 0, num_embeddings=num_embeddings, embedding_dim=embedding_dim
        )
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = None
        if padding_idx is not None:
            self.padding_idx = row_of(padding_idx, num_embeddings)
        if given is not None:
            if given.shape != (num_embeddings, embedding_dim):
                raise ShapeError(
                    f"{type(self).__name__}: weight {given.shape}; allowed: "
                    f"{(num_embeddings, embedding_dim)}"
                )
            self.weight = Parameter(given.data, requires_grad=not freeze)
            return
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), np.float32))
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, **settings: Any) -> Self:
        """A table of these rows; it is not trained unless freeze=False."""
        if embeddings.ndim != 2:
            raise ShapeError(f"{cls.__name__}: embeddings {embeddings.shape}; allowed: two axes")
        make: Any = cls  # whose settings are those of the subclass
        made: Self = make(*embeddings.shape, _weight=embeddings, _freeze=freeze, **settings)
        return made

    def extra_repr(self) -> str:
        rows, width = self.weight.shape
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{rows}, {width}{padding}"


class Embedding(Table):
    """A learned row per number.

    Shape:  (…) whole numbers below num_embeddings -> (…, embedding_dim)
    Raises: ShapeError for a number out of range.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq,
            _weight, _freeze, generator,
        )  # fmt: skip
        placed(self, device, dtype)

    def forward(self, input: Tensor | Array) -> Tensor:
        return functional.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq,
        )  # fmt: skip


class EmbeddingBag(Table):
    """Sums, means or largest elements of the rows of bags of numbers.

    Shape:  (bags, size), or (numbers,) with offsets (bags,) -> (bags, embedding_dim)
    Raises: ShapeError, ConfigError.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: str | None = None,
        dtype: Any = None,
        *,
        _freeze: bool = False,
        generator: Generator | None = None,
    ) -> None:
        if mode not in ("sum", "mean", "max"):
            raise ConfigError(f"EmbeddingBag: mode is {mode!r}; allowed: 'sum', 'mean', 'max'")
        super().__init__(
            num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq,
            _weight, _freeze, generator,
        )  # fmt: skip
        self.mode = mode
        self.include_last_offset = include_last_offset
        placed(self, device, dtype)

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return functional.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, False, per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip
