"""Dropout: of elements, of whole channels, and for selu.

`inplace` is PyTorch's and changes nothing: results are new arrays. The generator is the default one
unless given.
"""

from __future__ import annotations

import math
from typing import cast

from azuraforge.engine.functions.function import function, tensor_of
from azuraforge.engine.ops import noise, rounding
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

SATURATION = 1.7580993408473766  # -selu(-∞), which alpha_dropout puts for what it drops


@function("nn.functional.dropout")
def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """x with each element zero with probability p, the others divided by 1 - p.

    Source: Srivastava et al. (2014), Dropout.
    """
    return _dropped(input, p, training, generator, 0)


@function("nn.functional.dropout1d")
def dropout1d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """x with each channel zero with probability p, the others divided by 1 - p.

    Shape:  (batch, channels, time) or (channels, time) -> the same
    Raises: ShapeError.
    """
    _check_axes(input, 2, 3)
    return _dropped(input, p, training, generator, 1)


@function("nn.functional.dropout2d")
def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """dropout1d of images.

    Shape:  (batch, channels, height, width), or (batch, channels, time), -> the same
    Raises: ShapeError.
    """
    _check_axes(input, 3, 4)
    return _dropped(input, p, training, generator, input.ndim - 2)


@function("nn.functional.dropout3d")
def dropout3d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """dropout1d of volumes. Shape: (batch, channels, depth, height, width), or without batch"""
    _check_axes(input, 4, 5)
    return _dropped(input, p, training, generator, 3)


@function("nn.functional.alpha_dropout")
def alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Dropout that keeps mean 0 and variance 1: what is dropped becomes selu's lowest value.

    Source: Klambauer et al. (2017), Self-normalizing neural networks.
    """
    return _saturated(input, p, training, generator, 0)


@function("nn.functional.feature_alpha_dropout")
def feature_alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """alpha_dropout of whole channels. Shape: (batch, channels, …) -> the same"""
    if training and input.ndim < 2:
        raise ShapeError(f"input {input.shape}; allowed: (batch, channels, …)")
    return _saturated(input, p, training, generator, input.ndim - 2)


def drawn(like: Tensor, generator: Generator | None, shared: int = 0) -> Tensor:
    """Numbers evenly from [0, 1), one for all elements of the last `shared` axes."""
    source = generator or default_generator()
    return cast(Tensor, noise.uniform_like(like, generator=source, shared=shared))


def _dropped(
    input: Tensor, p: float, training: bool, generator: Generator | None, shared: int
) -> Tensor:
    _check_share(p)
    if not training or p == 0:
        return tensor_of(input)
    source = generator or default_generator()
    return cast(Tensor, noise.dropout(input, p=p, generator=source, shared=shared))


def _saturated(
    input: Tensor, p: float, training: bool, generator: Generator | None, shared: int
) -> Tensor:
    _check_share(p)
    if not training or p == 0:
        return tensor_of(input)
    if p == 1:
        return input * 0
    scale = 1 / math.sqrt((SATURATION**2 * p + 1) * (1 - p))
    stays = drawn(input, generator, shared) < 1 - p
    kept = rounding.where(stays, input, -SATURATION)
    return cast(Tensor, (kept + SATURATION * p) * scale)


def _check_share(p: float) -> None:
    if not 0 <= p <= 1:
        raise ConfigError(f"p is {p}; allowed: 0 to 1")


def _check_axes(input: Tensor, *allowed: int) -> None:
    if tensor_of(input).ndim not in allowed:
        raise ShapeError(f"input {input.shape}; allowed: {' or '.join(map(str, allowed))} axes")
