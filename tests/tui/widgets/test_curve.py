from __future__ import annotations

import numpy as np
import pytest
from azuraforge_tui.series import Series
from azuraforge_tui.widgets.curve import Line, Plot, draw
from azuraforge_tui.widgets.raster import ASCII, BLOCKS, BRAILLE

SIZES = [(20, 6), (39, 8), (80, 12), (200, 40)]


@pytest.mark.parametrize("glyphs", [BRAILLE, BLOCKS, ASCII], ids=lambda glyphs: glyphs.name)
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("log_y", [False, True])
def test_a_drawing_fills_its_rows_and_no_more(width, height, glyphs, log_y):
    plot = Plot("loss", (falling(300), validation(300)), 1000, log_y)

    rows = draw(plot, width, height, glyphs)

    assert len(rows) == height
    assert {len(text_of(row)) for row in rows[1:]} == {width}


@pytest.mark.parametrize(("width", "height"), [(0, 0), (1, 1), (5, 3), (80, 2), (3, 40)])
def test_a_drawing_too_small_for_a_curve_is_a_legend(width, height):
    rows = draw(Plot("loss", (falling(10),)), width, height)

    assert len(rows) == max(height, 1)
    assert text_of(rows[0]).startswith("loss")
    assert not any(rows[1:])


def test_the_curve_reaches_from_the_top_left_to_the_bottom_right():
    rows = draw(Plot("loss", (falling(100),), 100), 60, 14)

    inked = [row for row in body(rows) if row.strip()]
    assert inked[0][0] != " "
    assert inked[-1][-1] != " "
    assert inked[0][-1] == inked[-1][0] == " "


def test_the_axis_names_values_and_steps():
    rows = draw(Plot("loss", (line("train", [1, 100], [0.0, 1.0]),), 100), 60, 14)

    labels = [text_of(row).split("┤")[0].strip() for row in rows if "┤" in text_of(row)]
    assert labels[0] == "1"
    assert labels[-1] == "0"
    assert text_of(rows[-1]).split() == ["0", "step", "100"]


def test_interventions_are_marked_under_the_step_they_followed():
    plot = Plot("loss", (line("train", [1, 100], [0.0, 1.0]),), 100, marks=(50, 100))

    foot = draw(plot, 60, 14)[-1]

    text = text_of(foot)
    assert text.split() == ["0", "^", "step", "100"], "where there is a number already is no room"
    width = 60 - text.index("0") - 1
    assert text.index("^") == pytest.approx(text.index("0") + 1 + width / 2, abs=1)
    assert ("^", "mark") in foot


def test_train_and_validation_differ_in_colour_and_in_marker():
    rows = draw(Plot("loss", (falling(100), validation(100)), 100), 60, 14)

    assert ("   ⣿ train 0.1", "train") in rows[0]
    assert ("   ◆ validation 0.3", "validation") in rows[0]
    marks = [(text, style) for row in rows[1:] for text, style in row if "◆" in text or "⣿" in text]
    assert {style for text, style in marks if "◆" in text} == {"validation"}
    assert sum(text.count("◆") for text, _ in marks) == 10, "one for each epoch"


def test_many_epochs_do_not_drown_the_line_in_markers():
    plot = Plot("loss", (line("validation", range(1, 1001), np.linspace(1, 0, 1000)),))

    rows = draw(plot, 80, 20)

    assert 10 <= sum(text_of(row).count("◆") for row in rows[1:]) <= 30


def test_a_falling_exponential_is_straight_on_a_logarithmic_axis():
    x = np.arange(1, 1001)
    plot = Plot("loss", (line("train", x, np.exp(-x / 100.0)),), 1000, log_y=True)

    rows = body(draw(plot, 90, 22))

    first = np.array([min(i for i, c in enumerate(row) if c != " ") for row in rows if row.strip()])
    assert np.ptp(np.diff(first[1:])) <= 1, "each row begins as far to the right of the one above"


def test_values_without_a_logarithm_are_told_not_hidden_in_silence():
    plot = Plot("r2", (line("train", [1, 2, 3], [-1.0, 0.0, 2.0]),), log_y=True)

    rows = draw(plot, 80, 12)

    assert "2 not above 0: not shown" in text_of(rows[0])


def test_without_values_the_plot_says_so():
    rows = draw(Plot("accuracy", (Line("train", Series.empty()),)), 60, 10)

    assert text_of(rows[0]) == "accuracy   no values yet"


def test_a_new_step_leaves_the_scale_of_steps_alone():
    before = draw(Plot("loss", (falling(500),)), 80, 12)
    after = draw(Plot("loss", (falling(500), line("validation", [420], [0.5]))), 80, 12)
    later = draw(Plot("loss", (falling(501),)), 80, 12)

    assert text_of(before[-1]) == text_of(after[-1])
    assert text_of(later[-1]).endswith("step 1,000")


def line(role, x, y):
    series = Series.empty()
    for one in zip(x, y, strict=True):
        series = series.plus(*one)
    return Line(role, series)


def falling(steps):
    return line("train", range(1, steps + 1), np.linspace(1, 0.1, steps))


def validation(steps):
    return line("validation", np.linspace(steps / 10, steps, 10), np.linspace(1, 0.3, 10))


def text_of(row):
    return "".join(text for text, _ in row)


def body(rows):
    """The cells right of the axis."""
    return [text_of(row[1:]) for row in rows[1:-1]]
