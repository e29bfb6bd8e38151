"""Curves of a run in characters: several lines, labelled axes, a legend.

`draw` is pure: lines in, rows of styled text out. `Curve` is the widget that paints them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from azuraforge_tui.format import number
from azuraforge_tui.series import Series
from azuraforge_tui.widgets.axis import Axis, axis_over, snapped
from azuraforge_tui.widgets.raster import BRAILLE, Glyphs, cells, points, polyline

Role = Literal["train", "validation"]
Style = Literal["title", "axis", "train", "validation", "mark"]
Row = list[tuple[str, Style]]
MARK = "^"  # in ASCII too
STYLES: tuple[Style, ...] = get_args(Style)


@dataclass(frozen=True)
class Line:
    """One line of a plot; on a validation line each point has a marker."""

    role: Role
    series: Series


@dataclass(frozen=True)
class Plot:
    """What a curve shows."""

    title: str
    lines: tuple[Line, ...] = ()
    steps: int = 0  # in the whole run; 0: not known
    log_y: bool = False
    marks: tuple[int, ...] = ()  # steps after which somebody intervened


def draw(plot: Plot, width: int, height: int, glyphs: Glyphs = BRAILLE) -> list[Row]:
    """`height` rows of at most `width` columns: legend, lines beside their axis, steps."""
    if not any(len(line.series) for line in plot.lines):
        return [_legend(plot, glyphs), *([] for _ in range(height - 1))]
    x_axis = Axis(0.0, _last_step(plot))
    y_axis = axis_over([line.series.y for line in plot.lines], log=plot.log_y)
    labels = _labels(y_axis, height - 2)
    margin = max([0, *map(len, labels)]) + 1
    shape = (height - 2, width - margin)
    if min(shape) < 3:
        return [_legend(plot, glyphs), *([] for _ in range(height - 1))]
    rows: list[Row] = [
        [(f"{label:>{margin - 1}}{'┤' if label else '│'}", "axis"), *row]
        for label, row in zip(labels, _body(plot, x_axis, y_axis, shape, glyphs), strict=True)
    ]
    return [_legend(plot, glyphs), *rows, _foot(plot, x_axis, margin, shape[1])]


class Curve(Widget):
    """A plot, painted when it is shown anew and not before."""

    COMPONENT_CLASSES = {f"curve--{style}" for style in STYLES}
    DEFAULT_CSS = """
    Curve {
        height: 1fr;
        & > .curve--title { color: $foreground; text-style: bold; }
        & > .curve--axis { color: $text-muted; }
        & > .curve--mark { color: $warning; }
        & > .curve--train { color: $series-train; }
        & > .curve--validation { color: $series-validation; }
    }
    """

    def __init__(self, *, glyphs: Glyphs = BRAILLE, id: str | None = None) -> None:
        super().__init__(id=id)
        self._plot = Plot("")
        self._glyphs = glyphs
        self._strips: list[Strip] = []

    def show(self, plot: Plot, glyphs: Glyphs) -> None:
        """Draw this plot from now on."""
        self._plot, self._glyphs = plot, glyphs
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        style = {name: self.get_component_rich_style(f"curve--{name}") for name in STYLES}
        rest, width = self.rich_style, self.size.width
        self._strips = [
            Strip(Segment(text, style[name]) for text, name in row).adjust_cell_length(width, rest)
            for row in draw(self._plot, *self.size, self._glyphs)
        ]
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        return self._strips[y]


def _body(
    plot: Plot, x_axis: Axis, y_axis: Axis, shape: tuple[int, int], glyphs: Glyphs
) -> Iterator[Row]:
    index, owner = np.zeros(shape, dtype=np.intp), np.zeros(shape, dtype=np.intp)
    marked = np.zeros(shape, dtype=np.bool_)
    dots = (shape[0] * glyphs.rows, shape[1] * glyphs.columns)
    for which, line in enumerate(plot.lines):
        x, y = line.series.x, line.series.y
        if plot.log_y:
            x, y = x[y > 0], y[y > 0]
        y = y_axis.place(y)
        lit = cells(polyline(x, y, x_axis.bounds, y_axis.bounds, dots), glyphs)
        index = np.where(lit > 0, lit, index)  # a cell has one colour, so one line's dots
        owner[lit > 0] = which
        if line.role == "validation":
            some = slice(None, None, max(1, math.ceil(4 * len(x) / shape[1])))
            held = points(x[some], y[some], x_axis.bounds, y_axis.bounds, shape)
            marked |= held
            owner[held] = which
    characters = np.where(marked, glyphs.marker, np.array(list(glyphs.characters))[index])
    for row, owners in zip(characters, owner, strict=True):
        yield list(_runs(plot, row, owners))


def _runs(
    plot: Plot, row: NDArray[np.str_], owners: NDArray[np.intp]
) -> Iterator[tuple[str, Style]]:
    changes = np.flatnonzero(np.diff(owners)) + 1
    for start, end in zip([0, *changes], [*changes, len(row)], strict=True):
        yield "".join(row[start:end]), plot.lines[owners[start]].role if plot.lines else "axis"


def _last_step(plot: Plot) -> float:
    # Snapped to round numbers, so that a new step moves few characters: less to send over SSH.
    reached = max([1.0, *(float(line.series.x[-1]) for line in plot.lines if len(line.series))])
    return max(reached, min(snapped(reached), plot.steps or math.inf))


def _labels(axis: Axis, height: int) -> list[str]:
    labels = [""] * max(height, 0)
    for tick in axis.ticks(max(2, height // 3)) if labels else ():
        row = min(int((1 - axis.fraction(tick)) * height), height - 1)
        labels[row] = f"{tick:.6g}"
    return labels


def _legend(plot: Plot, glyphs: Glyphs) -> Row:
    legend: Row = [(plot.title + (" (log)" if plot.log_y else ""), "title")]
    for line in plot.lines:
        if len(line.series):
            mark = glyphs.marker if line.role == "validation" else glyphs.characters[-1]
            legend.append((f"   {mark} {line.role} {number(line.series.y[-1])}", line.role))
    hidden = sum(int((line.series.y <= 0).sum()) for line in plot.lines) if plot.log_y else 0
    if hidden:
        legend.append((f"   {hidden} not above 0: not shown", "axis"))
    if len(legend) == 1:
        legend.append(("   no values yet", "axis"))
    return legend


def _foot(plot: Plot, axis: Axis, margin: int, width: int) -> Row:
    """The steps, and below the curves a mark at each intervention that there is room for."""
    text = list(" " * (margin - 1) + "0" + f"step {axis.high:,.0f}".rjust(width))
    styles: list[Style] = ["axis"] * len(text)
    for step in plot.marks:
        column = margin + int(axis.fraction(step) * (width - 1))
        if text[column] == " ":
            text[column], styles[column] = MARK, "mark"
    pieces = groupby(zip(text, styles, strict=True), key=itemgetter(1))
    return [("".join(character for character, _ in piece), style) for style, piece in pieces]
