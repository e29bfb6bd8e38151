"""How parameters begin, under PyTorch's names and with its defaults."""

from __future__ import annotations

import math

from azuraforge.engine.device import module_of
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers from [a, b)."""
    xp = module_of(tensor.data)
    generator = generator or default_generator()
    tensor.data[...] = generator.uniform(tensor.shape, a, b, tensor.dtype, xp)
    return tensor


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with normal numbers."""
    xp = module_of(tensor.data)
    generator = generator or default_generator()
    tensor.data[...] = generator.normal(tensor.shape, mean, std, tensor.dtype, xp)
    return tensor


def kaiming_uniform_(tensor: Tensor, a: float = 0.0, generator: Generator | None = None) -> Tensor:
    """Fill evenly within ±sqrt(6 / ((1 + a²) fan_in)).

    Shape:  (out, in, …); fan_in is the size of all axes but the first
    Source: He et al. (2015), Delving deep into rectifiers.
    """
    bound = math.sqrt(6.0 / ((1.0 + a * a) * fan_in(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill evenly within ±gain √(6 / (fan_in + fan_out)).

    Shape:  (out, in, …)
    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep networks.
    """
    bound = gain * math.sqrt(6.0 / (fan_in(tensor) + fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers of variance 2 gain² / (fan_in + fan_out). Source: as the even one"""
    std = gain * math.sqrt(2.0 / (fan_in(tensor) + fan_out(tensor)))
    return normal_(tensor, 0.0, std, generator)


def fan_in(tensor: Tensor) -> int:
    """How many inputs each output of a weight (out, in, …) sums over."""
    return math.prod(tensor.shape[1:])


def fan_out(tensor: Tensor) -> int:
    """How many outputs each input of a weight (out, in, …) goes into."""
    return len(tensor) * math.prod(tensor.shape[2:])
