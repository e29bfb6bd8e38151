"""Elements around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import (
    function,
    sizes_of,
)
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.shape import getitem
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError


def _pad_places(mode: str, size: int, before: int, after: int) -> Any:
    """Which element stands at each place of a padded axis."""
    at = np.arange(-before, size + after)
    if mode == "replicate":
        return np.clip(at, 0, size - 1)
    if mode == "circular":
        if before > size or after > size:
            raise ShapeError(f"padding {before}, {after} of size {size}; allowed: at most the size")
        return at % size
    if before >= size or after >= size:
        raise ShapeError(f"padding {before}, {after} of size {size}; allowed: below the size")
    return np.abs((at + size - 1) % (2 * size - 2) - (size - 1)) if size > 1 else at * 0


@function("nn.functional.pad")
def padded(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Elements before and after each axis, from the last axis on: numbers, or by `mode`.

    "reflect" mirrors at the last element, "replicate" repeats it, "circular" goes round. Negative
    numbers cut off.
    """
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ConfigError(f"mode is {mode!r}; allowed: constant, reflect, replicate, circular")
    sizes = sizes_of((tuple(pad),))
    if len(sizes) % 2 or len(sizes) > 2 * input.ndim:
        raise ShapeError(f"pad {sizes} for shape {input.shape}; allowed: two numbers per axis")
    widths = [(0, 0)] * (input.ndim - len(sizes) // 2)
    widths += [(sizes[i], sizes[i + 1]) for i in range(len(sizes) - 2, -1, -2)]
    x = input
    cuts = tuple(
        slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    if any(n + a + b < 0 for n, (a, b) in zip(x.shape, widths, strict=True)):
        raise ShapeError(f"pad {sizes} cuts off more than shape {x.shape} has")
    if mode == "constant":
        if any(a < 0 or b < 0 for a, b in widths):
            x = getitem(x, index=cuts)
        return layout.pad(
            x, widths=tuple((max(a, 0), max(b, 0)) for a, b in widths), value=value or 0
        )
    if mode == "circular":  # what is cut off does not come round again
        x = getitem(x, index=cuts)
        widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    for axis, (a, b) in enumerate(widths):
        if (a, b) != (0, 0):
            places = _pad_places(mode, x.shape[axis], max(a, 0), max(b, 0))
            places = places[max(0, -a) : len(places) - max(0, -b)]
            x = getitem(x, index=(*(slice(None),) * axis, module_of(x.data).asarray(places)))
    return x


@function("constant_pad_nd")
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """As pad with a constant."""
    return padded(input, pad, "constant", value)
