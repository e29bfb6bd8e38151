"""How variables vary together, and norms held."""

from __future__ import annotations

from typing import Any

from azuraforge.engine.functions.function import (
    FUNCTIONS,
    axis_of,
    function,
)
from azuraforge.engine.functions.reduce import mean, sum
from azuraforge.engine.ops import elementwise, reduce, rounding
from azuraforge.engine.ops.shape import cast, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError


@function("cov")
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariances of variables in rows."""
    if input.ndim > 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at most 2 dimensions")
    x = reshape(input, shape=(1, -1)) if input.ndim < 2 else input
    count = x.shape[1]
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None and given.shape != (count,):
            raise ShapeError(f"{name} {given.shape}; allowed: ({count},), one per observation")
    if fweights is not None and fweights.dtype.kind not in "iu":
        raise DTypeError(f"fweights is {fweights.dtype}; allowed: whole numbers")
    if aweights is not None and aweights.dtype.kind != "f":
        raise DTypeError(f"aweights is {aweights.dtype}; allowed: floating numbers")
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None and bool((given.data < 0).any()):
            raise ConfigError(f"{name} holds negative weights; allowed: at least 0")
    weights = [cast(w, dtype=x.dtype) for w in (fweights, aweights) if w is not None]
    w: Any = weights[0] if weights else None
    for more in weights[1:]:
        w = w * more
    total: Any = float(count) if w is None else reduce.sum(w)
    middle = mean(x, 1, True) if w is None else sum(x * w, 1, True) / total
    if w is None or aweights is None or not correction:
        norm = total - correction
    else:
        norm = total - correction * reduce.sum(w * cast(aweights, dtype=x.dtype)) / total
    norm = rounding.clamp_min(norm, 0.0) if isinstance(norm, Tensor) else max(norm, 0.0)
    apart = x - middle
    other = apart if w is None else apart * w
    y = (other @ apart.T) / norm
    return reshape(y, shape=()) if y.shape == (1, 1) else y


@function("corrcoef")
def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables in rows."""
    c = cov(input)
    if not c.ndim:
        return c / c
    d = elementwise.sqrt(FUNCTIONS["diagonal"](c))
    y = c / reshape(d, shape=(-1, 1)) / d
    return rounding.clamp(y, -1.0, 1.0)


@function("renorm")
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The input with every part along dim scaled down to a p-norm of at most maxnorm."""
    if input.ndim < 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at least 2 dimensions")
    if p <= 0:
        raise ConfigError(f"p is {p}; allowed: above 0")
    if maxnorm < 0:
        raise ConfigError(f"maxnorm is {maxnorm}; allowed: at least 0")
    axis = axis_of(dim, input.ndim)
    others = [i for i in range(input.ndim) if i != axis]
    norms = FUNCTIONS["linalg.vector_norm"](input, p, others, True)
    factors = rounding.where(elementwise.gt(norms, maxnorm), maxnorm / (norms + 1e-7), 1.0)
    return input * factors
