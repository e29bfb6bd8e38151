from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine.train.improvement import Improvement


def stale_after(values: list[float], mode: Literal["min", "max"], min_delta: float = 0.0) -> int:
    improvement = Improvement(mode=mode, min_delta=min_delta)
    for value in values:
        improvement.take(value)
    return improvement.stale


@given(values=st.lists(st.integers(-5, 5), min_size=1))
def test_stale_counts_what_came_after_the_first_of_the_best(values: list[int]) -> None:
    expected = len(values) - 1 - values.index(min(values))

    assert stale_after([float(v) for v in values], "min") == expected
    assert stale_after([float(-v) for v in values], "max") == expected


@pytest.mark.parametrize(("min_delta", "stale"), [(0.0, 0), (0.25, 0), (0.3, 3), (1.0, 3)])
def test_steps_smaller_than_min_delta_add_up_until_they_are_an_improvement(
    min_delta: float, stale: int
) -> None:
    values = [4.0, 3.75, 3.75 - 0.25, 3.25]

    found = stale_after(values, "min", min_delta)

    assert found == (1 if min_delta == 0.3 else stale)


def test_nan_is_no_improvement() -> None:
    assert stale_after([1.0, float("nan")], "max") == 1
