"""Sampling at any points of an image or volume, and the points of an affine map."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import function
from azuraforge.engine.ops.index import gather
from azuraforge.engine.ops.rounding import floor, round, where
from azuraforge.engine.ops.shape import expand, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

__all__ = ["affine_grid", "grid_sample"]

MODES = ("bilinear", "nearest", "bicubic")
BORDERS = ("zeros", "border", "reflection")
SHARPNESS = -0.75  # of cubic convolution


@function("nn.functional.grid_sample")
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at the points of a grid, x before y before z, from -1 at one end to 1 at the other.

    The ends are the outer edges of the first and last elements or, with `align_corners`, their
    centers. Beyond them are zeros, the nearest element ("border"), or mirrors ("reflection").

    Shape:  input (batch, channels, height, width), grid (batch, rows, columns, 2)
            -> (batch, channels, rows, columns); with a depth, and 3, as well
    Raises: ShapeError, ConfigError, DTypeError.
    """
    _check(input, grid, mode, padding_mode)
    axes = input.ndim - 2
    aligned = bool(align_corners)
    size = input.shape[2:]
    points = [grid[..., axes - 1 - i] for i in range(axes)]  # in the order of the axes
    flat = [reshape(p, shape=(len(p), math.prod(p.shape[1:]))) for p in points]
    places = [_place(p, n, aligned) for p, n in zip(flat, size, strict=True)]

    def bounded(place: Tensor, axis: int) -> Tensor:
        return _bounded(place, size[axis], padding_mode, aligned)

    if mode == "bicubic":
        taps = [_cubic_taps(place) for place in places]
        taps = [[(bounded(at, i), w) for at, w in each] for i, each in enumerate(taps)]
    else:
        places = [bounded(place, i) for i, place in enumerate(places)]
        taps = [_nearest(p) if mode == "nearest" else _linear_taps(p) for p in places]
    y = _sampled(input, taps)
    return cast(Tensor, reshape(y, shape=(*input.shape[:2], *grid.shape[1:-1])))


@function("nn.functional.affine_grid")
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The points, for grid_sample, where an affine map takes those of an output of this size.

    Shape:  theta (batch, 2, 3), size (batch, channels, height, width)
            -> (batch, height, width, 2); with a depth, 3 and 4, as well
    Raises: ShapeError.
    """
    axes = len(size) - 2
    if axes not in (2, 3) or theta.shape != (size[0], axes, axes + 1) or min(size) < 1:
        raise ShapeError(
            f"theta {theta.shape}, size {tuple(size)}; allowed: (batch, 2, 3) and four sizes, or "
            "(batch, 3, 4) and five, at least 1 each"
        )
    if theta.dtype.kind != "f":
        raise DTypeError(f"theta is {theta.dtype}; allowed: floating types")
    lines = [_line(n, bool(align_corners)) for n in size[2:]]
    grids = np.meshgrid(*lines, indexing="ij")
    points = np.stack([*reversed(grids), np.ones_like(grids[0])], -1).reshape(-1, axes + 1)
    base = Tensor(module_of(theta.data).asarray(points, theta.dtype))
    found = base @ theta.transpose(1, 2)
    return cast(Tensor, reshape(found, shape=(size[0], *size[2:], axes)))


def _line(count: int, align_corners: bool) -> Any:
    """Points from -1 to 1; the centers of as many parts, unless the ends are to be among them."""
    if count == 1:
        return np.zeros(1)
    line = np.linspace(-1, 1, count)
    return line if align_corners else line * (count - 1) / count


def _check(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in MODES or padding_mode not in BORDERS:
        raise ConfigError(
            f"mode {mode!r}, padding_mode {padding_mode!r}; allowed: {', '.join(MODES)}, and "
            f"{', '.join(BORDERS)}"
        )
    axes = input.ndim - 2
    fits = axes in (2, 3) and grid.ndim == input.ndim and grid.shape[-1] == axes
    if not fits or len(grid) != len(input) or 0 in input.shape[2:]:
        raise ShapeError(
            f"input {input.shape}, grid {grid.shape}; allowed: (batch, channels, height, width) "
            "and (batch, …, …, 2), or with a depth (batch, …, …, …, 3)"
        )
    if mode == "bicubic" and axes == 3:
        raise ConfigError("mode 'bicubic' with a volume; allowed: with an image")
    if input.dtype != grid.dtype:
        raise DTypeError(f"input is {input.dtype}, grid {grid.dtype}; allowed: the same type")


def _place(point: Tensor, size: int, align_corners: bool) -> Tensor:
    """Where a point from -1 to 1 is, counted in elements."""
    if align_corners:
        return (point + 1) * ((size - 1) / 2)
    return ((point + 1) * size - 1) / 2


def _bounded(place: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    """The place to read instead of one outside; as it is where zeros are outside."""
    if padding_mode == "zeros":
        return place
    if padding_mode == "reflection":
        low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
        place = place * 0 if not span else _reflected(place, low, span)
    last = float(size - 1)
    return _where(place <= 0, 0.0, _where(place >= last, last, place))


def _reflected(place: Tensor, low: float, span: float) -> Tensor:
    """A place mirrored at both ends until it is inside."""
    beyond = (place - low).abs()
    turns = floor(beyond / span).detach()
    rest = beyond - turns * span
    is_even = turns - 2 * floor(turns / 2) == 0
    return _where(is_even, rest + low, span - rest + low)


Shares = list[tuple[Tensor, Any]]  # places, whole numbers as floats, and their weights


def _linear_taps(place: Tensor) -> Shares:
    first = floor(place).detach()
    share = place - first
    return [(first, 1 - share), (first + 1, share)]


def _nearest(place: Tensor) -> Shares:
    return [(round(place).detach(), 1.0)]


def _cubic_taps(place: Tensor) -> Shares:
    """Weights by cubic convolution. Source: Keys (1981)."""
    first = floor(place).detach()
    share = place - first
    a = SHARPNESS

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return a * (((x - 5) * x + 8) * x - 4)

    weights = [far(share + 1), near(share), near(1 - share), far(2 - share)]
    return [(first + (i - 1), w) for i, w in enumerate(weights)]


def _sampled(input: Tensor, taps: list[Shares]) -> Tensor:
    """The sum over all combinations of taps of each axis. Shape: -> (batch, channels, points)"""
    batch, channels, *size = input.shape
    flat = reshape(input, shape=(batch, channels, math.prod(size)))
    total: Any = 0.0
    for corner in itertools.product(*taps):
        index, weight = _corner(corner, size)
        count = index.shape[-1]
        index = expand(reshape(index, shape=(batch, 1, count)), shape=(batch, channels, count))
        seen = gather(flat, index, axis=2)
        total = seen * reshape(weight, shape=(batch, 1, count)) + total
    return cast(Tensor, total)


def _corner(corner: tuple[tuple[Tensor, Any], ...], size: list[int]) -> tuple[Tensor, Tensor]:
    """The flat place of an element, and its weight; any place, and 0, for one outside."""
    index: Any = 0
    weight: Any = 1.0
    is_inside: Any = None
    for (place, share), n in zip(corner, size, strict=True):
        is_here = (place >= 0) * (place <= n - 1)
        index = _where(is_here, place, 0.0).to("int64") + index * n
        weight = share * weight
        is_inside = is_here if is_inside is None else is_inside * is_here
    return index, _where(is_inside, weight, 0.0)


def _where(condition: Any, a: Any, b: Any) -> Tensor:
    return cast(Tensor, where(condition, a, b))
