"""Ops that draw random numbers; the generator is an attribute, and moves on with every call.

Given as its state (key, counter) instead, it draws the same numbers every time.
"""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.engine.random import Generator


def _source(generator: Generator | tuple[int, int]) -> Generator:
    return generator if isinstance(generator, Generator) else Generator(*generator)


def _one_for_many(like: Shape, shared: int) -> Shape:
    """The shape of numbers of which each is for all elements of the last `shared` axes."""
    return (*like[: len(like) - shared], *(1,) * shared)


def _dropout(
    xp: Any, x: Array, y: Array, _mask: Array, p: float, generator: Generator | tuple[int, int]
) -> None:
    """The mask holds 0 with probability p, else 1 / (1 - p), so that the mean stays."""
    _mask[...] = _source(generator).bernoulli(_mask.shape, 1 - p, x.dtype, xp)
    if p < 1:
        _mask /= 1 - p
    xp.multiply(x, _mask, out=y)


dropout = op(
    "dropout(x, *, p, generator, shared=0) -> y, _mask",
    shape=lambda x, shared: (x, _one_for_many(x, shared)),
    forward=_dropout,
    grads={"x": lambda xp, g, _mask: g * _mask},
    samples=(
        Sample(normal(3, 4), p=0.5, generator=(7, 0)),
        Sample(normal(2, 3), p=1.0, generator=(7, 0)),
        Sample(normal(2, 3, 2, 2), p=0.5, generator=(7, 0), shared=2),
        Sample(1e4 * normal(5), p=0.1, generator=(8, 3)),
    ),
)


def _uniform(xp: Any, like: Array, y: Array, generator: Generator | tuple[int, int]) -> None:
    y[...] = _source(generator).uniform(y.shape, xp=xp)


uniform_like = op(  # numbers evenly from [0, 1), the same in every type; it has no gradient
    "uniform_like(like, *, generator, shared=0) -> y",
    shape=_one_for_many,
    forward=_uniform,
    grads={"like": None},
    samples=(
        Sample(normal(3, 4), generator=(7, 0)),
        Sample(normal(2, 3, 2, 2), generator=(7, 0), shared=2),
    ),
)
