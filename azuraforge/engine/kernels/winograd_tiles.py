"""Tiles of images on their way to the points of winograd.py, and back.

A tile is a square of pixels, each a row of channels. One vector of channels at a time is loaded
from all pixels, mixed along both axes in registers, and stored to all points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from azuraforge.engine.kernels.channels_last import FLOAT_SIZE
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.memory import floats
from azuraforge.engine.kernels.simd import INT, LANES, VECTOR, Tile

ZEROS = ir.Constant(VECTOR, [0.0] * LANES)
Mix = Callable[[Any, list[Any]], list[Any]]


def _to_points(b: Any, d: list[Any]) -> list[Any]:
    """Bᵀ d."""
    return [b.fsub(d[0], d[2]), b.fadd(d[1], d[2]), b.fsub(d[2], d[1]), b.fsub(d[1], d[3])]


def _to_result(b: Any, m: list[Any]) -> list[Any]:
    """Aᵀ m."""
    return [b.fadd(b.fadd(m[0], m[1]), m[2]), b.fsub(b.fsub(m[1], m[2]), m[3])]


def _from_result(b: Any, g: list[Any]) -> list[Any]:
    """A g."""
    return [g[0], b.fadd(g[0], g[1]), b.fsub(g[0], g[1]), b.fneg(g[1])]


class _Grid(Tile):
    """The code that mixes a square of vectors along both axes."""

    def __init__(self, builder: Any, is_ragged: bool, columns: Any) -> None:
        self.builder, self.columns = builder, columns
        self.vectors = range(1)
        self.masks = self._masks() if is_ragged else [None]

    def _cell(self, start: Any, row: Any, column: Any, i: int, j: int) -> Any:
        far = self.builder.add(self.builder.mul(row, INT(i)), self.builder.mul(column, INT(j)))
        return self._at(start, far)

    def emit_mix(self, mix: Mix, side: int, source: Any, target: Any) -> list[Any]:
        """Write the code; what it stores."""
        start, down, right = source
        begin = self._pointer(start)
        rows = [
            [self._load(self._cell(begin, down, right, i, j), 0) for j in range(side)]
            for i in range(side)
        ]
        mixed = [mix(self.builder, row) for row in rows]
        columns = [mix(self.builder, list(column)) for column in zip(*mixed, strict=True)]
        start, down, right = target
        begin = self._pointer(start)
        for j, column in enumerate(columns):
            for i, value in enumerate(column):
                self._store(value, self._cell(begin, down, right, i, j), 0)
        return [value for column in columns for value in column]

    def emit_mark(self, values: list[Any], mark: Any) -> None:
        """Add 0 times each value to the vector at `mark`: it stays 0 while all are finite."""
        at = self._pointer(mark)
        found = self._load(at, 0)
        for value in values:
            found = self._fma(value, ZEROS, found)
        self._store(found, at, 0)


def _mixed(mix: Mix, side: int, *, is_ragged: bool, is_marked: bool) -> Any:
    """The intrinsic `f(source, row, column, target, row, column, columns, mark)` for one vector.

    A square of `side` vectors at `source` is mixed along both axes and stored at `target`, by
    addresses, and distances in floats. Whether all are finite is kept at `mark`, if `is_marked`.
    """

    @intrinsic
    def kernel(
        typing: Any, source: Any, row: Any, column: Any, target: Any, to_row: Any, to_column: Any,
        columns: Any, mark: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            grid = _Grid(builder, is_ragged, args[6])
            values = grid.emit_mix(mix, side, args[:3], args[3:6])
            if is_marked:
                grid.emit_mark(values, args[7])
            return context.get_dummy_value()

        return types.void(*[types.int64] * 8), emit

    return kernel


def _over_channels(mix: Mix, side: int, *, is_marked: bool = False) -> Any:
    full, ragged = (
        _mixed(mix, side, is_ragged=is_ragged, is_marked=is_marked) for is_ragged in (False, True)
    )

    @part
    def run(source, row, column, target, to_row, to_column, channels, mark):  # type: ignore[no-untyped-def]
        whole = channels - channels % LANES
        for c in range(0, whole, LANES):
            far = FLOAT_SIZE * c
            full(source + far, row, column, target + far, to_row, to_column, LANES, mark)
        if whole < channels:
            far = FLOAT_SIZE * whole
            left = channels - whole
            ragged(source + far, row, column, target + far, to_row, to_column, left, mark)

    return run


_result_of = _over_channels(_to_result, 4, is_marked=True)


@part
def _square(x, row, pixel, channels, height, width, top, left, side, patch):  # type: ignore[no-untyped-def]
    """Where a square of pixels lies, and how far apart: in the image, or copied with zeros around.

    Its first pixel is (top, left) of the image at x; `patch` has room for it.
    """
    if top >= 0 and left >= 0 and top + side <= height and left + side <= width:
        return x + FLOAT_SIZE * (top * row + left * pixel), row, pixel
    for i in range(side):
        for j in range(side):
            to = floats(patch + FLOAT_SIZE * (i * side + j) * channels, channels)
            down, right = top + i, left + j
            if 0 <= down < height and 0 <= right < width:
                seen = floats(x + FLOAT_SIZE * (down * row + right * pixel), channels)
                for c in range(channels):
                    to[c] = seen[c]
            else:
                for c in range(channels):
                    to[c] = 0
    return patch, side * channels, channels


@part
def _next(n, down, right, per_row, per_image):  # type: ignore[no-untyped-def]
    """The tile after this one: its image, and its place there."""
    right += 1
    if right == per_row:
        right, down = 0, down + 1
    if down * per_row == per_image:
        down, n = 0, n + 1
    return n, down, right


def _bringer(mix: Mix, side: int) -> Any:
    """A part that brings tiles to the points: `now` of them, from tile t on."""
    run = _over_channels(mix, side)

    @part
    def bring(images, per_row, per_image, t, now, patch, points, apart):  # type: ignore[no-untyped-def]
        x, image, row, pixel, channels, height, width, top, left = images
        n, place = divmod(t, per_image)
        down, right = divmod(place, per_row)
        for i in range(now):
            at, tile_row, tile_pixel = _square(
                x + FLOAT_SIZE * n * image, row, pixel, channels, height, width,
                2 * down - top, 2 * right - left, side, patch,
            )  # fmt: skip
            to = points + FLOAT_SIZE * i * channels
            run(at, tile_row, tile_pixel, to, 4 * apart, apart, channels, 0)
            n, down, right = _next(n, down, right, per_row, per_image)

    return bring


bring_images, bring_results = _bringer(_to_points, 4), _bringer(_from_result, 2)


@part
def take_results(points, apart, per_row, per_image, t, now, results, patch, mark):  # type: ignore[no-untyped-def]
    """Bring tiles from the points back, and store what of them is in the result.

    The vector at `mark` stays 0 while all are finite.
    """
    y, image, row, pixel, out, high, wide, _, _ = results
    n, place = divmod(t, per_image)
    tile_down, tile_right = divmod(place, per_row)
    for i in range(now):
        down, right = 2 * tile_down, 2 * tile_right
        m = points + FLOAT_SIZE * i * out
        to = y + FLOAT_SIZE * (n * image + down * row + right * pixel)
        n, tile_down, tile_right = _next(n, tile_down, tile_right, per_row, per_image)
        if down + 2 <= high and right + 2 <= wide:
            _result_of(m, 4 * apart, apart, to, row, pixel, out, mark)
            continue
        _result_of(m, 4 * apart, apart, patch, 2 * out, out, out, mark)
        for a in range(min(2, high - down)):
            for b in range(min(2, wide - right)):
                made = floats(patch + FLOAT_SIZE * (2 * a + b) * out, out)
                stored = floats(to + FLOAT_SIZE * (a * row + b * pixel), out)
                for c in range(out):
                    stored[c] = made[c]
