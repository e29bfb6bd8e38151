"""Dropout."""

from __future__ import annotations

from typing import cast

from azuraforge.engine.ops import noise
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor

__all__ = ["dropout"]


def dropout(
    x: Tensor, p: float = 0.5, training: bool = True, generator: Generator | None = None
) -> Tensor:
    """x with each element zero with probability p, the others divided by 1 - p.

    Source: Srivastava et al. (2014), Dropout.
    """
    if not training or p == 0:
        return x
    return cast(Tensor, noise.dropout(x, p=p, generator=generator or default_generator()))
