"""Pooling over as many parts of the input as the output has places."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.functions.function import function
from azuraforge.engine.nn.functional.pool import taken
from azuraforge.engine.nn.functional.size import batched, sizes, with_height, without_height
from azuraforge.engine.ops import pool
from azuraforge.engine.ops.largest import adaptive_largest_places, regions
from azuraforge.engine.ops.resample import Taps, resample
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
]


def _adaptive_avg_pool(axes: int) -> Any:
    def call(input: Tensor, output_size: Any) -> Any:
        size = _wanted(input, output_size, axes)
        return batched(input, axes, lambda x: _averages(x, size))

    call.__doc__ = """Means over almost equal parts of the input, as many as `output_size`.

    None keeps the size of an axis.

    Shape:  (batch, channels, …) or (channels, …) -> the same, the last axes of `output_size`
    Raises: ShapeError.
    """
    return function(f"nn.functional.adaptive_avg_pool{axes}d")(call)


def _adaptive_max_pool(axes: int) -> Any:
    def call(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        size = _wanted(input, output_size, axes)

        def find(x: Tensor) -> tuple[Tensor, Tensor]:
            places = adaptive_largest_places(x, size=size)
            return taken(x, places), places

        found = batched(input, axes, find)
        return found if return_indices else found[0]

    call.__doc__ = f"""The largest of each of almost equal parts of the input.

    As many as `output_size`, where None keeps the size of an axis. With `return_indices` also
    where they are, in the flat array of the last {axes} axes.

    Raises: ShapeError.
    """
    return function(f"nn.functional.adaptive_max_pool{axes}d")(call)


def _wanted(input: Tensor, output_size: Any, axes: int) -> tuple[int, ...]:
    """The size of the output, None being that of the input."""
    given = output_size if isinstance(output_size, list | tuple) else (output_size,) * axes
    own = input.shape[-axes:]
    if len(given) != axes or len(own) != axes:
        raise ShapeError(
            f"input {input.shape}, output_size {output_size}; allowed: one number, or {axes}"
        )
    kept = tuple(n if m is None else m for n, m in zip(own, given, strict=True))
    return sizes(kept, axes, "output_size")


def _averages(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Means over images, or series as images, at once; else along one axis after the other."""
    if len(size) == 1:
        return without_height(pool.adaptive_avg_pool2d(with_height(x), output_size=(1, *size)))
    if len(size) == 2:
        return pool.adaptive_avg_pool2d(x, output_size=size)  # type: ignore[no-any-return]
    for axis, places in enumerate(size, 2):
        if places != x.shape[axis]:
            x = resample(x, axis=axis, taps=_mean_taps(x.shape[axis], places))
    return x


def _mean_taps(size: int, places: int) -> Taps:
    parts = regions(size, places)
    most = max((part.stop - part.start for part in parts), default=0)
    taps = Taps(np.zeros((places, most), np.int64), np.zeros((places, most)))
    for i, part in enumerate(parts):
        count = part.stop - part.start
        taps.places[i] = np.minimum(np.arange(part.start, part.start + most), part.stop - 1)
        taps.weights[i, :count] = 1 / count
    return taps


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = map(_adaptive_avg_pool, (1, 2, 3))
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = map(_adaptive_max_pool, (1, 2, 3))
