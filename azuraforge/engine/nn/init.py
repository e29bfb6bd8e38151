"""How parameters begin, under PyTorch's names and with its defaults."""

from __future__ import annotations

import math

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.ops.erf import erfinv
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "fan_in",
    "fan_out",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


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


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill evenly within ±gain √(3 / fan), where the gain of leaky_relu is √(2 / (1 + a²)).

    Shape:  (out, in, …); fan_in is the size of all axes but the first
    Source: He et al. (2015), Delving deep into rectifiers.
    """
    if not tensor.data.size:
        return tensor
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / _fan(tensor, mode))
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


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers of deviation gain / √fan. Source: as kaiming_uniform_"""
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    tensor.data[...] = val
    return tensor


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity. Raises: ShapeError unless it has two axes."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: shape {tensor.shape}; allowed: two axes")
    tensor.data[...] = module_of(tensor.data).eye(*tensor.shape, dtype=tensor.dtype)
    return tensor


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers from between a and b."""
    low, high = (0.5 * math.erfc(-(end - mean) / (std * math.sqrt(2))) for end in (a, b))
    shares = (generator or default_generator()).uniform(tensor.shape, low, high, np.float64)
    drawn = mean + std * math.sqrt(2) * erfinv(np, 2 * shares - 1)
    tensor.data[...] = module_of(tensor.data).asarray(np.clip(drawn, a, b))
    return tensor


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with a matrix whose rows, or columns, are orthogonal and of length `gain`.

    Shape:  (out, in, …), seen as (out, in times the rest)
    Raises: ShapeError below two axes.
    Source: Saxe, McClelland and Ganguli (2014), Exact solutions to the dynamics of learning.
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: shape {tensor.shape}; allowed: two axes or more")
    rows, columns = len(tensor), tensor.data.size // len(tensor)
    tall = (max(rows, columns), min(rows, columns))
    drawn = (generator or default_generator()).normal(tall, dtype=np.float64)
    q, r = np.linalg.qr(drawn)
    q *= np.sign(np.diag(r))  # so that all orthogonal matrices are as likely
    whole = gain * (q if rows >= columns else q.T)
    tensor.data[...] = module_of(tensor.data).asarray(whole.reshape(tensor.shape))
    return tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights before a function are larger, for the variance to stay."""
    slope = 0.01 if param is None else param
    gains = {
        "relu": math.sqrt(2.0),
        "tanh": 5.0 / 3,
        "selu": 3.0 / 4,
        "leaky_relu": math.sqrt(2.0 / (1 + slope**2)),
    }
    plain = ("linear", "sigmoid", *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)))
    if nonlinearity not in gains and nonlinearity not in plain:
        raise ConfigError(
            f"calculate_gain: nonlinearity is {nonlinearity!r}; allowed: "
            f"{', '.join([*gains, *plain])}"
        )
    return gains.get(nonlinearity, 1.0)


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ConfigError(f"mode is {mode!r}; allowed: 'fan_in', 'fan_out'")
    return fan_in(tensor) if mode == "fan_in" else fan_out(tensor)
