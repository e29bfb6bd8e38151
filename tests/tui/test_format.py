from __future__ import annotations

import pytest
from azuraforge_tui.format import MARKS, ago, counted, number, plain, span, state


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.98124, "0.9812"), (-2.5, "-2.5"), (123.456, "123.5"), (1234.5, "1,234"),
        (1e7, "10,000,000"), (0.0012345, "0.001234"), (0.000012, "1.2e-05"),
    ],
)  # fmt: skip
def test_a_number_has_four_digits_at_most_behind_the_point(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"), (4.21, "4.2 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1:00 min"),
        (185, "3:05 min"), (3599.7, "1:00:00 h"), (7385, "2:03:05 h"), (270_000, "3 d 3 h"),
        (float("inf"), "–"), (-1, "–"),
    ],
)  # fmt: skip
def test_a_length_of_time_is_in_the_unit_that_suits_it(seconds, text):
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "just now"), (4, "just now"), (5, "5 s ago"), (59, "59 s ago"), (60, "1 min ago"),
     (3600, "1 h ago"), (200_000, "2 d ago")],
)  # fmt: skip
def test_how_long_ago_is_in_one_unit(seconds, text):
    assert ago(seconds) == text


def test_every_state_has_a_symbol_of_its_own():
    assert len(set(MARKS.values())) == len(MARKS) == 7
    assert state("failed") == "✗ failed"


def test_counts_and_config_values_read_as_one_would_write_them():
    assert [counted(n, "run") for n in (0, 1, 2000)] == ["0 runs", "1 run", "2,000 runs"]
    assert [plain(value) for value in (None, True, 0.01, "x")] == ["none", "true", "0.01", "x"]
