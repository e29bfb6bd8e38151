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


def fan_in(tensor: Tensor) -> int:
    """How many inputs each output of a weight (out, in, …) sums over."""
    return math.prod(tensor.shape[1:])
