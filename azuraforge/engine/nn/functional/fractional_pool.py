"""Max pooling over windows that lie where chance puts them."""

from __future__ import annotations

import math
from typing import Any

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import function
from azuraforge.engine.nn.functional.pool import taken
from azuraforge.engine.nn.functional.size import Size, batched, sizes
from azuraforge.engine.ops.largest import fractional_largest_places
from azuraforge.engine.ops.noise import uniform_like
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = ["fractional_max_pool2d", "fractional_max_pool3d"]


def _fractional_max_pool(axes: int) -> Any:
    def call(
        input: Tensor,
        kernel_size: Size,
        output_size: Size | None = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
        *,
        generator: Generator | None = None,
    ) -> Any:
        kernel = sizes(kernel_size, axes, "kernel_size")
        size = _wanted(input, axes, output_size, output_ratio)

        def find(x: Tensor) -> tuple[Tensor, Tensor]:
            at = _drawn(x, axes, generator) if _random_samples is None else _random_samples
            places = fractional_largest_places(x, at, kernel=kernel, size=size)
            return taken(x, places), places

        found = batched(input, axes, find)
        return found if return_indices else found[0]

    call.__doc__ = """The largest element under each of windows whose distances vary by chance.

    They are about as far apart as it takes for `output_size`, or `output_ratio` of the input's
    size, to cover the input.

    Shape:  (batch, channels, …) or (channels, …) -> the same, the last axes of that size
    Raises: ShapeError, ConfigError.
    Source: Graham (2014), Fractional max-pooling.
    """
    return function(f"nn.functional.fractional_max_pool{axes}d")(call)


def _wanted(
    input: Tensor, axes: int, output_size: Size | None, output_ratio: Any
) -> tuple[int, ...]:
    """The size of the output. Raises: ConfigError unless it is said, and in one way."""
    if (output_size is None) == (output_ratio is None):
        raise ConfigError(
            f"output_size {output_size}, output_ratio {output_ratio}; allowed: one of them"
        )
    if output_size is not None:
        return sizes(output_size, axes, "output_size")
    each = output_ratio if isinstance(output_ratio, list | tuple) else (output_ratio,) * axes
    if len(each) != axes or not all(0 < r < 1 for r in each):
        raise ShapeError(f"output_ratio {output_ratio}; allowed: between 0 and 1, for {axes} axes")
    return tuple(math.floor(n * r) for n, r in zip(input.shape[-axes:], each, strict=True))


def _drawn(x: Tensor, axes: int, generator: Generator | None) -> Tensor:
    """Even numbers for each axis of each channel of each sample."""
    like = module_of(x.data).empty((*x.shape[:2], axes), x.dtype)
    found: Tensor = uniform_like(Tensor(like), generator=generator or default_generator())
    return found


fractional_max_pool2d, fractional_max_pool3d = map(_fractional_max_pool, (2, 3))
