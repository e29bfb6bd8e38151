from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.cli.table import cell, duration, facts, number, settings, table


def test_numbers_stand_to_the_right_and_texts_to_the_left() -> None:
    text = table(["name", "count"], [["a", 5], ["long name", 12_345]])

    assert text.splitlines() == [
        "name        count",
        "a               5",
        "long name  12,345",
    ]


def test_a_table_without_rows_is_its_headers() -> None:
    assert table(["run", "state"], []) == "run  state"


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_a_table_has_one_printable_line_per_row_whatever_the_cells_hold(
    rows: list[list[str]],
) -> None:
    lines = table(["a", "b"], rows).split("\n")

    assert len(lines) == len(rows) + 1
    assert all(line.isprintable() for line in lines)


def test_what_could_steer_a_terminal_is_escaped() -> None:
    assert cell("red \x1b[31m\nnext") == r"red \x1b[31m\nnext"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (12_345, "12,345"),
        (0.97134, "0.9713"),
        (0.0, "0.0000"),
        (-187.25, "-187.2500"),
        (3.1e-5, "3.100e-05"),
        (2.5e9, "2.500e+09"),
    ],
)
def test_a_number_is_told_in_four_digits_after_the_point(value: float, told: str) -> None:
    assert number(value) == told


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_that_is_told_is_near_the_number(value: float) -> None:
    assert float(number(value)) == pytest.approx(value, rel=1e-3 / 2, abs=5e-5 if value else 0)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0:00"), (7.4, "0:07"), (754, "12:34"), (3723, "1:02:03")]
)
def test_a_duration_is_told_in_minutes_and_from_an_hour_on_in_hours(
    seconds: float, told: str
) -> None:
    assert duration(seconds) == told


def test_facts_without_a_value_are_left_out() -> None:
    text = facts([("run", "ab"), ("error", None), ("plugin", "images"), ("study", "")])

    assert text == "run     ab\nplugin  images"


def test_nested_settings_become_dotted_paths() -> None:
    nested = {"optim": {"lr": 0.1, "name": "adam"}, "seed": 1}

    assert list(settings(nested)) == [("optim.lr", 0.1), ("optim.name", "adam"), ("seed", 1)]
