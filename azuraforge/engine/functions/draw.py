"""Random numbers, from a counter-based generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import array_module, module_of
from azuraforge.engine.functions.create import as_tensor, module_for, only_known, shape_of
from azuraforge.engine.functions.function import function, tensor_of
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

Source = Generator | None


def _source(generator: Source) -> Generator:
    """The generator that numbers are drawn from, which a recorded step would not draw again."""
    recorded = tape.current()
    if recorded is not None:
        recorded.refuse("it draws random numbers outside of an op")
    return generator or default_generator()


def _drawn(name: str, draw: Any, text: str) -> None:
    def call(
        *size: Any,
        generator: Source = None,
        dtype: Any = None,
        device: str = "cpu",
        requires_grad: bool = False,
        **layout: Any,
    ) -> Tensor:
        only_known(layout)
        xp = array_module(device)
        array = draw(_source(generator), shape_of(size), dtype or np.float32, xp)
        return as_tensor(array, requires_grad)

    def like(
        input: Tensor,
        *,
        generator: Source = None,
        dtype: Any = None,
        device: str | None = None,
        requires_grad: bool = False,
        **layout: Any,
    ) -> Tensor:
        only_known(layout)
        xp = module_for(input, device)
        source = _source(generator)
        return as_tensor(draw(source, input.shape, dtype or input.dtype, xp), requires_grad)

    call.__doc__ = text
    like.__doc__ = f"{text[:-1]} in the shape of another tensor."
    function(name)(call)
    function(f"{name}_like")(like)


_drawn(
    "rand",
    lambda g, shape, dtype, xp: g.uniform(shape, dtype=dtype, xp=xp),
    "Numbers evenly from [0, 1).",
)


_drawn("randn", lambda g, shape, dtype, xp: g.normal(shape, dtype=dtype, xp=xp), "Normal numbers.")


@function("randint")
def randint(
    low: int,
    high: Any,
    size: Any = None,
    *,
    generator: Source = None,
    dtype: Any = None,
    device: str = "cpu",
    **layout: Any,
) -> Tensor:
    """Whole numbers from low (0 unless given) to high - 1."""
    only_known(layout)
    if size is None:
        low, high, size = 0, low, high
    if low >= high:
        raise ConfigError(f"low {low}, high {high}; allowed: low below high")
    source = _source(generator)
    array = source.integers(low, high, shape_of((size,)), array_module(device))
    return Tensor(array.astype(dtype or np.int64))


@function("randint_like")
def randint_like(input: Tensor, low: int, high: int | None = None, **options: Any) -> Tensor:
    """Whole numbers from low to high - 1 in the shape of another tensor."""
    low, high = (0, low) if high is None else (low, high)
    options.setdefault("dtype", input.dtype)
    return randint(low, high, input.shape, **options)


@function("randperm")
def randperm(
    n: int, *, generator: Source = None, dtype: Any = None, device: str = "cpu", **layout: Any
) -> Tensor:
    """0 … n - 1 in random order."""
    only_known(layout)
    if n < 0:
        raise ConfigError(f"n is {n}; allowed: at least 0")
    array = _source(generator).permutation(n).astype(dtype or np.int64)
    return Tensor(array_module(device).asarray(array))


@function("bernoulli")
def bernoulli(input: Tensor, p: float | None = None, *, generator: Source = None) -> Tensor:
    """Ones with the probabilities of the input, or p, zeros elsewhere."""
    x = tensor_of(input)
    if x.dtype.kind != "f":
        raise DTypeError(f"element type {x.dtype}; allowed: floating types")
    low, high = (
        (p, p)
        if p is not None
        else (float(np.min(x.data, initial=0)), float(np.max(x.data, initial=0)))
    )
    if not (low >= 0 and high <= 1):
        raise ConfigError(f"probabilities from {low} to {high}; allowed: 0 to 1")
    xp = module_of(x.data)
    share = x.data if p is None else p
    drawn = _source(generator).uniform(x.shape, xp=xp) < share
    return Tensor(drawn.astype(x.dtype)) + 0 * x


@function("multinomial")
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Source = None
) -> Tensor:
    """Places drawn with probabilities in proportion to the numbers of each row."""
    x = tensor_of(input)
    if x.ndim not in (1, 2):
        raise ShapeError(f"input has shape {x.shape}; allowed: 1 or 2 dimensions")
    if x.dtype.kind != "f":
        raise DTypeError(f"element type {x.dtype}; allowed: floating types")
    weights = np.atleast_2d(x.data).astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or (weights.sum(-1) <= 0).any():
        raise ConfigError(
            "input holds negative, infinite or only zero weights; allowed: some above 0"
        )
    most = int((weights > 0).sum(-1).min())
    if num_samples < 1 or (not replacement and num_samples > weights.shape[-1]):
        raise ConfigError(
            f"num_samples is {num_samples}; allowed: 1 to {weights.shape[-1]} without replacement"
        )
    source = _source(generator)
    if replacement:
        ends = np.cumsum(weights, -1) / weights.sum(-1, keepdims=True)
        at = source.uniform((len(weights), num_samples), dtype=np.float64)
        found = np.stack(
            [np.searchsorted(row, u, "right") for row, u in zip(ends, at, strict=True)]
        )
        found = np.minimum(found, weights.shape[-1] - 1)
    else:  # the smallest of exponential waiting times
        if most < num_samples:
            raise ConfigError(f"num_samples is {num_samples}; allowed: {most}, the weights above 0")
        u = source.uniform(weights.shape, dtype=np.float64)
        with np.errstate(divide="ignore"):
            found = np.argsort(-np.log1p(-u) / weights, -1, kind="stable")[:, :num_samples]
    return Tensor(found if x.ndim == 2 else found[0])


@function("normal")
def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Source = None,
    dtype: Any = None,
    **layout: Any,
) -> Tensor:
    """Normal numbers around mean, with the standard deviation std."""
    only_known(layout)
    low = std.data.min(initial=0) if isinstance(std, Tensor) else std
    if low < 0:
        raise ConfigError(f"std is {low}; allowed: at least 0")
    shape = (
        shape_of((size,))
        if size is not None
        else np.broadcast_shapes(*(x.shape for x in (mean, std) if isinstance(x, Tensor)))
    )
    like = next((x for x in (mean, std) if isinstance(x, Tensor)), None)
    drawn = _source(generator).normal(
        tuple(shape), dtype=dtype or (np.float32 if like is None else like.dtype)
    )
    return Tensor(drawn) * std + mean
