"""Dropout layers; `inplace` is PyTorch's and changes nothing: results are new arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from azuraforge.engine.nn import functional
from azuraforge.engine.nn.module import Module
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class Dropout(Module):
    """While training, zeros with probability p; the generator is the default one unless given."""

    function: ClassVar[Callable[..., Any]] = staticmethod(functional.dropout)

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ConfigError(f"{type(self).__name__}: p is {p}; allowed: 0 to 1")
        self.p = p
        self.inplace = inplace
        self.generator = generator

    def forward(self, input: Tensor) -> Tensor:
        y: Tensor = self.function(input, self.p, self.training, generator=self.generator)
        return y

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout1d(Dropout):
    """Dropout of whole channels of series."""

    function = staticmethod(functional.dropout1d)


class Dropout2d(Dropout):
    """Dropout of whole channels of images."""

    function = staticmethod(functional.dropout2d)


class Dropout3d(Dropout):
    """Dropout of whole channels of volumes."""

    function = staticmethod(functional.dropout3d)


class AlphaDropout(Dropout):
    """Dropout for SELU, which keeps mean and variance."""

    function = staticmethod(functional.alpha_dropout)


class FeatureAlphaDropout(Dropout):
    """AlphaDropout of whole channels."""

    function = staticmethod(functional.feature_alpha_dropout)
