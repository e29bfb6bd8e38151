"""Polylines as dots, and dots as characters: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from azuraforge_tui.series import Floats

Dots = NDArray[np.bool_]


@dataclass(frozen=True)
class Glyphs:
    """A set of characters that show `rows` x `columns` dots each.

    `weights[row, column]` is what a dot adds to the index of its cell in `characters`.
    """

    name: str
    weights: NDArray[np.intp]
    characters: str
    marker: str  # a point that stands for itself

    @property
    def rows(self) -> int:
        return int(self.weights.shape[0])

    @property
    def columns(self) -> int:
        return int(self.weights.shape[1])


BRAILLE = Glyphs(
    "braille",
    np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]),
    " " + "".join(chr(0x2800 + index) for index in range(1, 256)),
    "◆",
)
BLOCKS = Glyphs("blocks", np.array([[1], [2]]), " ▀▄█", "♦")
ASCII = Glyphs("ascii", np.array([[1]]), " .", "o")


def polyline(
    x: Floats, y: Floats, x_range: tuple[float, float], y_range: tuple[float, float],
    shape: tuple[int, int],
) -> Dots:  # fmt: skip
    """The dots a line through the points touches, row 0 on top; x must not fall.

    A column is filled over the span the line has within it: from the lowest to the highest of
    the points in the column and of the line's values at the column's two edges.

    Shape: x, y (points,) -> `shape` (rows, columns)
    """
    rows, columns = shape
    if not len(x):
        return np.zeros(shape, dtype=np.bool_)
    place = _scaled(x, x_range) * columns
    level = (1 - _scaled(y, y_range)) * rows
    lowest, highest = np.full(columns, np.inf), np.full(columns, -np.inf)
    column = np.clip(place.astype(np.intp), 0, columns - 1)  # the right edge is the last column's
    np.minimum.at(lowest, column, level)
    np.maximum.at(highest, column, level)
    edges = np.arange(columns + 1)
    crossing = np.interp(edges, place, level, left=np.nan, right=np.nan)
    for edge in (crossing[:-1], crossing[1:]):
        lowest, highest = np.fmin(lowest, edge), np.fmax(highest, edge)
    row = np.arange(rows)[:, None]
    top = np.where(lowest > rows, rows, np.clip(np.floor(lowest), 0, rows - 1))
    bottom = np.clip(np.floor(highest), -1, rows - 1)
    lit: Dots = (row >= top) & (row <= bottom)
    return lit


def points(
    x: Floats, y: Floats, x_range: tuple[float, float], y_range: tuple[float, float],
    shape: tuple[int, int],
) -> Dots:  # fmt: skip
    """The cells that hold a point.

    Shape: x, y (points,) -> `shape` (rows, columns)
    """
    rows, columns = shape
    held = np.zeros(shape, dtype=np.bool_)
    row = np.clip(((1 - _scaled(y, y_range)) * rows).astype(np.intp), 0, rows - 1)
    column = np.clip((_scaled(x, x_range) * columns).astype(np.intp), 0, columns - 1)
    held[row, column] = True
    return held


def cells(dots: Dots, glyphs: Glyphs) -> NDArray[np.intp]:
    """Index of each cell's character.

    Shape: dots (height * rows, width * columns) -> (height, width)
    """
    height, width = dots.shape[0] // glyphs.rows, dots.shape[1] // glyphs.columns
    grouped = dots.reshape(height, glyphs.rows, width, glyphs.columns)
    index: NDArray[np.intp] = np.einsum("hrwc,rc->hw", grouped, glyphs.weights)
    return index


def _scaled(values: Floats, value_range: tuple[float, float]) -> Floats:
    low, high = value_range
    return (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)
