from __future__ import annotations

import numpy as np
import pytest
from azuraforge_tui.widgets.raster import ASCII, BLOCKS, BRAILLE, cells, points, polyline
from hypothesis import given
from hypothesis import strategies as st

UNIT = (0.0, 1.0)


@given(st.data())
def test_a_line_lights_exactly_the_dots_it_passes_through(data):
    rows, columns = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    count = data.draw(st.integers(2, 8))
    x = np.array(sorted(data.draw(st.lists(inside(), min_size=count, max_size=count, unique=True))))
    y = np.array(data.draw(st.lists(inside(), min_size=count, max_size=count)))

    lit = polyline(x, y, UNIT, UNIT, (rows, columns))

    walked = walk(x, y, rows, columns)
    assert not (walked & ~lit).any(), "the walk passes a dot that is dark"
    assert not (lit & ~near(walked)).any(), "a dot is lit far from the walk"


def test_a_rising_diagonal_is_one_dot_a_column():
    lit = polyline(np.array([0.05, 0.95]), np.array([0.05, 0.95]), UNIT, UNIT, (10, 10))

    assert np.array_equal(lit[::-1] & np.eye(10, dtype=bool), np.eye(10, dtype=bool))
    assert lit.sum() <= 3 * 10


def test_a_spike_among_a_million_points_is_seen():
    x, y = np.linspace(0, 1, 1_000_000), np.full(1_000_000, 0.25)
    y[123_456] = 0.99

    lit = polyline(x, y, UNIT, UNIT, (40, 80))

    assert lit[0, int(0.123456 * 80)]
    assert lit[0].sum() == 1


def test_what_lies_outside_the_range_is_not_drawn():
    y = np.array([5.0, 5.0, -3.0, -3.0])

    lit = polyline(np.array([0.0, 0.2, 0.201, 1.0]), y, UNIT, UNIT, (8, 8))

    assert set(np.flatnonzero(lit.any(axis=0))) == {1}, "only the fall crosses the range"


@pytest.mark.parametrize("count", [0, 1])
def test_few_points_make_few_dots(count):
    lit = polyline(np.full(count, 0.55), np.full(count, 0.55), UNIT, UNIT, (10, 10))

    assert lit.sum() == count
    assert points(np.full(count, 0.55), np.full(count, 0.55), UNIT, UNIT, (10, 10)).sum() == count


def test_equal_values_lie_in_the_middle():
    lit = polyline(np.array([0.0, 1.0]), np.array([7.0, 7.0]), UNIT, (7.0, 7.0), (9, 4))

    assert list(np.flatnonzero(lit.any(axis=1))) == [4]


def test_braille_characters_show_the_dots_unicode_gives_them():
    for row, column, place in [
        (0, 0, 1), (1, 0, 2), (2, 0, 3), (0, 1, 4), (1, 1, 5), (2, 1, 6), (3, 0, 7), (3, 1, 8),
    ]:  # fmt: skip
        dots = np.zeros((4, 2), dtype=bool)
        dots[row, column] = True

        character = BRAILLE.characters[cells(dots, BRAILLE)[0, 0]]

        assert ord(character) == 0x2800 + 2 ** (place - 1)  # Unicode, Braille Patterns: dot-n


@pytest.mark.parametrize(
    ("glyphs", "shown"), [(BRAILLE, "⠁⢀"), (BLOCKS, "▀▄"), (ASCII, "..")], ids=lambda v: str(v)[:9]
)
def test_a_dot_on_top_and_one_below_are_told_apart_where_the_characters_can(glyphs, shown):
    dots = np.zeros((glyphs.rows, 2 * glyphs.columns), dtype=bool)
    dots[0, 0] = dots[-1, -1] = True

    index = cells(dots, glyphs)

    assert "".join(glyphs.characters[i] for i in index[0]) == shown


def inside():
    return st.integers(0, 10_000).map(lambda n: (n + 0.5) / 10_001)


def walk(x, y, rows, columns):
    """The dots under many places on the line: an independent, slow answer."""
    walked = np.zeros((rows, columns), dtype=bool)
    for (x0, y0), (x1, y1) in zip(
        zip(x[:-1], y[:-1], strict=True), zip(x[1:], y[1:], strict=True), strict=True
    ):
        for part in np.linspace(0, 1, 200):
            row = int((1 - (y0 + part * (y1 - y0))) * rows)
            walked[row, int((x0 + part * (x1 - x0)) * columns)] = True
    return walked


def near(walked):
    """The dots and their neighbours: rounding may put an edge on either side."""
    padded = np.pad(walked, 1)
    rows, columns = walked.shape
    return np.logical_or.reduce(
        [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    )
