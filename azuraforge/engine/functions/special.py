"""Special functions."""

from __future__ import annotations

import math
from typing import Any

from azuraforge.engine.functions.function import (
    alias,
    axis_of,
    function,
)
from azuraforge.engine.functions.pointwise import with_checks
from azuraforge.engine.ops import OPS, activation, special
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError


@function("polygamma")
def polygamma(n: int, input: Tensor) -> Tensor:
    """The derivative n of digamma."""
    if isinstance(n, Tensor):
        n, input = input, n
    if n < 0:
        raise ConfigError(f"n is {n}; allowed: 0, 1, 2, …")
    return special.polygamma(input, n=n)


@function("mvlgamma")
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """log of the multivariate gamma function of dimension p."""
    parts = [special.lgamma(input - i / 2) for i in range(p)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total + p * (p - 1) / 4 * math.log(math.pi)


@function("special.ndtr")
def ndtr(input: Tensor) -> Tensor:
    """The normal distribution function."""
    return special.erfc(input * -math.sqrt(0.5)) * 0.5


@function("special.ndtri")
def ndtri(input: Tensor) -> Tensor:
    """The inverse of the normal distribution function."""
    return special.erfinv(input * 2 - 1) * math.sqrt(2)


for _name in "i0 i0e i1 i1e erfcx log_ndtr entr".split():
    function(f"special.{_name}")(with_checks(OPS[_name]))


alias("i0", of="special.i0")


alias("special.polygamma", of="polygamma")


for _name in "erf erfc erfinv exp2 expm1 log1p logit digamma sinc xlogy round".split():
    alias(f"special.{_name}", of=_name)


alias("special.expit", of="sigmoid")


alias("special.psi", of="digamma")


alias("special.gammaln", of="lgamma")


def _typed(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else input.to(dtype)


@function("softmax")
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x), summed along dim."""
    x = _typed(input, dtype)
    axis_of(dim, x.ndim)
    if not x.data.size:
        return x * 1
    return activation.softmax(x, axis=dim) if x.ndim else x * 0 + 1


@function("log_softmax")
def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """x - log Σ exp(x), summed along dim."""
    x = _typed(input, dtype)
    axis_of(dim, x.ndim)
    if not x.data.size:
        return x * 1
    return activation.log_softmax(x, axis=dim) if x.ndim else x * 0


for _name in ("softmax", "log_softmax"):
    alias(f"special.{_name}", of=_name)
