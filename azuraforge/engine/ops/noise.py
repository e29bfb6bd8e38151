"""Ops that draw random numbers; the generator is an attribute, and moves on with every call.

Given as its state (key, counter) instead, it draws the same numbers every time.
"""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.engine.random import Generator


def _dropout(
    xp: Any, x: Array, y: Array, _mask: Array, p: float, generator: Generator | tuple[int, int]
) -> None:
    """The mask holds 0 with probability p, else 1 / (1 - p), so that the mean stays."""
    drawn_from = generator if isinstance(generator, Generator) else Generator(*generator)
    _mask[...] = drawn_from.bernoulli(x.shape, 1 - p, x.dtype, xp)
    if p < 1:
        _mask /= 1 - p
    xp.multiply(x, _mask, out=y)


dropout = op(
    "dropout(x, *, p, generator) -> y, _mask",
    shape=lambda x: (x, x),
    forward=_dropout,
    grads={"x": lambda xp, g, _mask: g * _mask},
    samples=(
        Sample(normal(3, 4), p=0.5, generator=(7, 0)),
        Sample(normal(2, 3), p=1.0, generator=(7, 0)),
        Sample(1e4 * normal(5), p=0.1, generator=(8, 3)),
    ),
)
