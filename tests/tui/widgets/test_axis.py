from __future__ import annotations

import numpy as np
import pytest
from azuraforge_tui.widgets.axis import axis_over, linear_ticks, log_ticks, snapped
from hypothesis import given
from hypothesis import strategies as st

Values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20).map(np.array)


@given(values=Values)
def test_every_value_lies_on_the_axis(values):
    axis = axis_over([values], log=False)

    assert all(0 <= axis.fraction(value) <= 1 for value in values)


@given(values=st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20).map(np.array))
def test_every_positive_value_lies_on_a_logarithmic_axis(values):
    axis = axis_over([values], log=True)

    assert all(0 <= axis.fraction(value) <= 1 for value in values)


def test_a_logarithmic_axis_leaves_out_what_has_no_logarithm():
    axis = axis_over([np.array([0.0, -3.0, 1.0, 100.0])], log=True)

    assert 0.5 < axis.low < 1 < 100 < axis.high < 200


@pytest.mark.parametrize("log", [False, True])
def test_without_values_there_still_is_an_axis(log):
    axis = axis_over([np.empty(0)], log=log)

    assert axis.high > axis.low


@given(
    low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6), count=st.integers(2, 9), log=st.booleans()
)
def test_ticks_are_within_the_range_and_not_too_many(low, width, count, log):
    low = abs(low) + 1e-3 if log else low

    ticks = (log_ticks if log else linear_ticks)(low, low + width, count)

    slack = 1e-6 * width
    assert len(ticks) <= count
    assert all(low - slack <= tick <= low + width + slack for tick in ticks)
    assert ticks == sorted(ticks)


@pytest.mark.parametrize(
    ("low", "high", "count", "ticks"),
    [(0, 1, 5, [0, 0.5, 1]), (0, 10, 6, [0, 2, 4, 6, 8, 10]), (-1, 1, 3, [-1, 0, 1])],
)
def test_linear_ticks_are_round(low, high, count, ticks):
    assert linear_ticks(low, high, count) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("low", "high", "count", "ticks"),
    [
        (0.09, 2.5, 9, [0.1, 0.2, 0.5, 1, 2]),
        (1e-6, 1, 4, [1e-6, 1e-4, 1e-2, 1]),
        (3, 4, 3, [3, 3.5, 4]),
    ],
)
def test_logarithmic_ticks_are_round(low, high, count, ticks):
    assert log_ticks(low, high, count) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "round_"), [(0, 1), (1, 1), (1.5, 2), (3, 5), (7, 10), (100, 100), (101, 200)]
)
def test_a_range_grows_by_round_steps(value, round_):
    assert snapped(value) == round_
