"""Pooling."""

from __future__ import annotations

from typing import cast

from azuraforge.engine.nn.functional.size import Pair, pair
from azuraforge.engine.ops import pool
from azuraforge.engine.tensor import Tensor

__all__ = ["adaptive_avg_pool2d", "max_pool2d"]


def max_pool2d(
    x: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
) -> Tensor:
    """The largest element under each place of the kernel; NaN where there is one.

    Shape: (batch, channels, height, width) -> (batch, channels, …, …) as for conv2d
    Raises: ShapeError.
    """
    step = kernel_size if stride is None else stride
    return cast(
        Tensor,
        pool.max_pool2d(x, kernel_size=pair(kernel_size), stride=pair(step), padding=pair(padding)),
    )


def adaptive_avg_pool2d(x: Tensor, output_size: int | tuple[int | None, int | None]) -> Tensor:
    """Means over equal parts of the image, as many as `output_size`; None keeps the size.

    Shape:  (batch, channels, height, width) -> (batch, channels, *output_size)
    Raises: ShapeError.
    """
    wanted = (output_size, output_size) if isinstance(output_size, int) else output_size
    size = tuple(n if m is None else m for n, m in zip(x.shape[-2:], wanted, strict=True))
    return cast(Tensor, pool.adaptive_avg_pool2d(x, output_size=size))
