"""What is attributed: one tensor or several, and their baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, device_of, is_array, module_of, put
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import DTypeError, ShapeError

Given = Any  # a tensor or array, or a tuple of these; results have the same form
Arrays = tuple[Array, ...]


def several(inputs: Given, who: str) -> Arrays:
    """The inputs as arrays. Raises: DTypeError; ShapeError for unequal batches."""
    read(f"{who}.attribute()")
    given = inputs if isinstance(inputs, tuple | list) else (inputs,)
    arrays = tuple(_array(x, who) for x in given)
    sizes = [len(x) if x.ndim else 0 for x in arrays]
    if not arrays or len(set(sizes)) != 1 or not sizes[0]:
        raise ShapeError(
            f"{who}: inputs of shapes {[x.shape for x in arrays]}; allowed: one or more, each "
            "with the examples along its first axis, equally many and at least one"
        )
    return arrays


def like(inputs: Given, results: Sequence[Array]) -> Any:
    """Results in the form the inputs came in: a Tensor, or a tuple of them."""
    tensors = tuple(map(Tensor, results))
    return tensors if isinstance(inputs, tuple | list) else tensors[0]


def baselines_of(inputs: Arrays, baselines: Any, who: str) -> Arrays:
    """A baseline for each input, of its shape and type: 0 where none is given.

    Raises: ShapeError for another number of them, or a shape that cannot be broadcast.
    """
    if baselines is None:
        baselines = (0,) * len(inputs)
    elif not isinstance(baselines, tuple | list):
        baselines = (baselines,)
    if len(baselines) != len(inputs):
        raise ShapeError(f"{who}: {len(baselines)} baselines for {len(inputs)} inputs")
    return tuple(_baseline(x, each, who) for x, each in zip(inputs, baselines, strict=True))


def distribution_of(inputs: Arrays, baselines: Any, who: str) -> Arrays:
    """The rows of a distribution of baselines for each input, equally many for all inputs.

    Raises: ShapeError.
    """
    drawn = baselines() if callable(baselines) else baselines
    rows = tuple(_array(x, who) for x in (drawn if isinstance(drawn, tuple | list) else (drawn,)))
    fits = len(rows) == len(inputs) and all(
        r.shape[1:] == x.shape[1:] and r.ndim and len(r) for r, x in zip(rows, inputs, strict=True)
    )
    if not fits or len({len(r) for r in rows}) != 1:
        raise ShapeError(
            f"{who}: baselines of shapes {[r.shape for r in rows]} for inputs of shapes "
            f"{[x.shape for x in inputs]}; allowed: rows like those of the inputs, one or more"
        )
    return tuple(
        put(r, device_of(x)).astype(x.dtype, copy=False) for r, x in zip(rows, inputs, strict=True)
    )


def _array(x: Any, who: str) -> Array:
    if isinstance(x, Tensor):
        return x.data
    if is_array(x):
        return x
    raise DTypeError(f"{who}: an input is {type(x).__name__}; allowed: tensors, arrays")


def _baseline(x: Array, baseline: Any, who: str) -> Array:
    xp = module_of(x)
    array = xp.asarray(baseline.data if isinstance(baseline, Tensor) else baseline, dtype=x.dtype)
    try:
        return xp.broadcast_to(array, x.shape)
    except ValueError:
        raise ShapeError(
            f"{who}: a baseline of shape {np.shape(array)} for an input of shape {x.shape}; "
            "allowed: a number, the input's shape, or one row of it"
        ) from None
