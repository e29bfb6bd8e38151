"""Integrals along the straight line from a baseline to an input, as weighted sums of points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

import numpy as np

from azuraforge.attributions.inputs import Arrays
from azuraforge.engine.device import Array, module_of
from azuraforge.errors import ConfigError

Method = Literal[
    "gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid"
]


class Rule(NamedTuple):
    """Places from 0 to 1 and their weights, which add up to 1.

    Place i lies between the sums of the weights before it and up to it.
    """

    places: Array
    weights: Array


def rule(method: str, n_steps: int) -> Rule:
    """The rule of that name. Raises: ConfigError."""
    if method not in get_args(Method):
        raise ConfigError(f"method {method!r}; allowed: {', '.join(get_args(Method))}")
    least = 2 if method == "riemann_trapezoid" else 1
    if n_steps < least:
        raise ConfigError(f"n_steps {n_steps}; allowed: {least} or more")
    if method == "gausslegendre":
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)
        return Rule((1 + nodes) / 2, weights / 2)
    if method == "riemann_trapezoid":
        weights = np.full(n_steps, 1 / (n_steps - 1))
        weights[[0, -1]] /= 2
        return Rule(np.linspace(0, 1, n_steps), weights)
    begin = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[method]
    return Rule((np.arange(n_steps) + begin) / n_steps, np.full(n_steps, 1 / n_steps))


def pieces(whole: Rule, batch: int, internal_batch_size: int | None) -> Iterator[Rule]:
    """The rule in parts whose points are `internal_batch_size` rows; a place at least in each.

    Raises: ConfigError.
    """
    size = len(whole.places)
    if internal_batch_size is not None:
        if internal_batch_size < 1:
            raise ConfigError(f"internal_batch_size {internal_batch_size}; allowed: 1 or more")
        size = max(1, internal_batch_size // batch)
    for begin in range(0, len(whole.places), size):
        yield Rule(whole.places[begin : begin + size], whole.weights[begin : begin + size])


def points(starts: Arrays, ends: Arrays, places: Array) -> Arrays:
    """All examples at the first place of their ways, at the second, …

    Shape: (batch, …) -> (places * batch, …)
    """
    return tuple(
        module_of(end).concatenate([start + (end - start) * end.dtype.type(at) for at in places])
        for start, end in zip(starts, ends, strict=True)
    )


def weighted(values: Array, weights: Array) -> Array:
    """The weighted sum over places. Shape: (places * batch, …) -> (batch, …)"""
    by_place = values.reshape(len(weights), -1, *values.shape[1:])
    factors = module_of(values).asarray(weights, dtype=values.dtype)
    total: Array = (by_place * factors.reshape(-1, *(1,) * (by_place.ndim - 1))).sum(0)
    return total
