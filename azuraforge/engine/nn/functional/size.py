"""Sizes given as one number for all axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.ops.shape import reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError, ShapeError

Pair = tuple[int, int]
Size = int | Sequence[int]


def pair(value: int | Pair) -> Pair:
    """One number for both axes, or one for each."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def sizes(value: Any, axes: int, what: str) -> tuple[int, ...]:
    """One number for all axes, or one for each.

    Raises: ShapeError for another count of numbers; DTypeError for what is no whole number.
    """
    given = tuple(value) if isinstance(value, list | tuple) else (value,)
    if len(given) not in (1, axes):
        raise ShapeError(f"{what} {value}; allowed: one number, or one for each of {axes} axes")
    if any(isinstance(n, bool) or not isinstance(n, int | np.integer) for n in given):
        raise DTypeError(f"{what} {value!r}; allowed: whole numbers")
    return tuple(int(n) for n in given) * (axes if len(given) == 1 else 1)


def batched(input: Tensor, axes: int, apply: Callable[[Tensor], Any]) -> Any:
    """What `apply` makes of a batch, for a batch or for one sample with its channels.

    Raises: ShapeError for another number of axes, and for samples without elements.
    """
    if input.ndim not in (axes + 1, axes + 2) or 0 in input.shape[-axes - 1 :]:
        raise ShapeError(
            f"input {input.shape}; allowed: (batch, channels, …) with {axes} more axes, or one "
            "sample without the batch; no size but that of the batch may be 0"
        )
    if input.ndim == axes + 2:
        return apply(input)
    results = apply(reshape(input, shape=(1, *input.shape)))
    if isinstance(results, tuple):
        return tuple(reshape(y, shape=y.shape[1:]) for y in results)
    return reshape(results, shape=results.shape[1:])


def with_height(x: Tensor) -> Tensor:
    """Series as images of height 1."""
    return reshape(x, shape=(*x.shape[:2], 1, *x.shape[2:]))  # type: ignore[no-any-return]


def without_height(x: Tensor) -> Tensor:
    """Images of height 1 as series."""
    return reshape(x, shape=(*x.shape[:2], *x.shape[3:]))  # type: ignore[no-any-return]
