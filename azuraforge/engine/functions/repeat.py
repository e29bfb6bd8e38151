"""Elements over and over, and all combinations."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import (
    axis_of,
    function,
    sizes_of,
)
from azuraforge.engine.functions.join import several_of, stack
from azuraforge.engine.functions.reshape import ravel
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.shape import expand, getitem
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, ShapeError


@function("tile", many="dims")
def tile(input: Tensor, *dims: Any) -> Tensor:
    """Repeated along each axis; missing numbers are 1."""
    counts = sizes_of(dims)
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


@function("repeat", many="repeats")
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """Repeated along each axis, new axes in front."""
    counts = sizes_of(repeats)
    new = len(counts) - input.ndim
    if new < 0 or any(n < 0 for n in counts):
        raise ShapeError(f"repeats {counts} for shape {input.shape}; allowed: one per dimension")
    sizes = (1,) * new + input.shape
    pairs = layout.reshape(input, shape=tuple(n for size in sizes for n in (1, size)))
    wide = expand(pairs, shape=tuple(n for pair in zip(counts, sizes, strict=True) for n in pair))
    return layout.reshape(wide, shape=tuple(a * b for a, b in zip(counts, sizes, strict=True)))


@function("repeat_interleave")
def repeat_interleave(
    input: Tensor, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element of an axis repeated, all as often or each by its own number."""
    x = ravel(input) if dim is None or not input.ndim else input
    axis = 0 if dim is None else axis_of(dim, input.ndim)
    if isinstance(repeats, Tensor):
        read("repeat_interleave")
    counts = repeats.data if isinstance(repeats, Tensor) else np.asarray(repeats)
    xp = module_of(x.data)
    places = xp.repeat(xp.arange(x.shape[axis]), counts.tolist())
    return getitem(x, index=(*(slice(None),) * axis, places))


@function("meshgrid")
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Each tensor repeated along the axes of all others."""
    given = [layout.reshape(x, shape=(x.data.size,)) for x in several_of(tensors)]
    if indexing not in ("ij", "xy"):
        raise ConfigError(f"indexing is {indexing!r}; allowed: 'ij', 'xy'")
    swaps = indexing == "xy" and len(given) > 1
    if swaps:
        given[:2] = given[1::-1]
    sizes = tuple(x.shape[0] for x in given)
    grids = []
    for i, x in enumerate(given):
        row = tuple(n if i == j else 1 for j, n in enumerate(sizes))
        grids.append(expand(layout.reshape(x, shape=row), shape=sizes))
    if swaps:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@function("cartesian_prod")
def cartesian_prod(*tensors: Any) -> Tensor:
    """All pairs, triples, … of elements, in rows."""
    given = several_of(tensors)
    if len(given) == 1:
        return given[0]
    return stack([ravel(y) for y in meshgrid(*given)], -1)


@function("combinations")
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements, in rows."""
    if input.ndim != 1:
        raise ShapeError(f"input has shape {input.shape}; allowed: one dimension")
    draw = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(draw(range(len(input)), r)), np.int64)
    if not r:
        return getitem(input, index=slice(0, 0))
    return getitem(input, index=module_of(input.data).asarray(rows.reshape(-1, r)))
