from __future__ import annotations

import numpy as np
from azuraforge_tui.series import Series
from hypothesis import given
from hypothesis import strategies as st

Points = st.lists(st.tuples(st.integers(0, 1000), st.floats(-1e9, 1e9)), max_size=300)


@given(points=Points)
def test_a_series_holds_the_points_appended_in_order(points):
    series = Series.empty()

    for x, y in points:
        series = series.plus(x, y)

    assert list(zip(series.x, series.y, strict=True)) == points


@given(shared=Points, left=Points, right=Points)
def test_two_continuations_of_one_series_do_not_disturb_each_other(shared, left, right):
    start = series_of(Series.empty(), shared)

    one, other = series_of(start, left), series_of(start, right)

    assert list(start.y) == [y for _, y in shared]
    assert list(one.y) == [y for _, y in shared + left]
    assert list(other.y) == [y for _, y in shared + right]


def test_appending_seldom_copies():
    series, buffers = Series.empty(), set()

    for step in range(10_000):
        series = series.plus(step, 0.5)
        buffers.add(id(series.y.base))

    assert len(buffers) <= 9  # 64 points doubled eight times hold 16,384
    assert np.array_equal(series.x, np.arange(10_000))


def series_of(series, points):
    for x, y in points:
        series = series.plus(x, y)
    return series
