"""Splits are disjoint and complete, in the order or the shares that were asked for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.data import (
    Subset,
    chronological_split,
    k_fold,
    random_split,
    stratified_k_fold,
    time_series_folds,
)
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError

sizes = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def numbers(part: Subset) -> list[int]:
    return [int(i) for i in part.indices]


@given(sizes=sizes, seed=st.integers(0, 99))
def test_a_random_split_is_disjoint_and_complete(sizes: list[int], seed: int) -> None:
    rows = range(sum(sizes))

    parts = random_split(rows, sizes, generator=Generator(seed))

    assert [len(part) for part in parts] == sizes
    assert sorted(i for part in parts for i in numbers(part)) == list(rows)
    again = random_split(rows, sizes, generator=Generator(seed))
    assert [numbers(part) for part in again] == [numbers(part) for part in parts]


@pytest.mark.parametrize("split", [random_split, chronological_split])
@given(rows=st.integers(64, 200), shares=st.permutations([0.5, 0.25, 0.125, 0.0625, 0.0625]))
def test_shares_are_the_sizes_that_pytorch_makes_of_them(
    split: Callable[..., list[Subset]], rows: int, shares: list[float]
) -> None:
    torch_data = pytest.importorskip("torch.utils.data")

    parts = split(range(rows), shares)

    expected = [len(part) for part in torch_data.random_split(range(rows), shares)]
    assert [len(part) for part in parts] == expected


@given(sizes=sizes, gap=st.integers(0, 4))
def test_a_chronological_split_is_in_order_with_gaps(sizes: list[int], gap: int) -> None:
    rows = sum(sizes) + gap * (len(sizes) - 1)

    parts = chronological_split(range(rows), sizes, gap=gap)

    found = [i for part in parts for i in numbers(part)]
    assert found == sorted(set(found))
    assert [len(part) for part in parts] == sizes
    for before, after in pairwise(parts):
        assert numbers(after)[0] - numbers(before)[-1] == gap + 1


@pytest.mark.parametrize("lengths", [[3, 3], [0.5, 0.6], [-1, 11], [2.5, 7.5], []])
def test_lengths_that_do_not_add_up_are_refused(lengths: list[float]) -> None:
    with pytest.raises(ConfigError, match="of 10 samples; allowed"):
        random_split(range(10), lengths)


def test_an_empty_part_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="part 1 of"):
        chronological_split(range(3), [3, 0])


@given(rows=st.integers(2, 40), folds=st.integers(2, 8), shuffle=st.booleans())
def test_every_sample_is_tested_once_and_trains_the_other_folds(
    rows: int, folds: int, shuffle: bool
) -> None:
    folds = min(rows, folds)
    parts = list(k_fold(range(rows), folds, shuffle=shuffle, generator=Generator(3)))

    assert len(parts) == folds
    assert sorted(i for _, test in parts for i in numbers(test)) == list(range(rows))
    for train, test in parts:
        assert sorted(numbers(train) + numbers(test)) == list(range(rows))


@given(rows=st.integers(2, 40), folds=st.integers(2, 8))
def test_folds_in_order_are_those_of_scikit_learn(rows: int, folds: int) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    folds = min(rows, folds)

    found = [(numbers(train), numbers(test)) for train, test in k_fold(range(rows), folds)]

    expected = selection.KFold(folds).split(np.empty(rows))
    assert found == [(train.tolist(), test.tolist()) for train, test in expected]


@given(rows=st.integers(5, 40), gap=st.integers(0, 6))
def test_with_a_gap_no_training_sample_is_near_a_test_sample(rows: int, gap: int) -> None:
    for train, test in k_fold(range(rows), 4, gap=gap):
        first, last = numbers(test)[0], numbers(test)[-1]

        expected = [i for i in range(rows) if i < first - gap or i > last + gap]
        assert numbers(train) == expected


@given(
    classes=st.lists(st.integers(0, 3), min_size=4, max_size=60),
    folds=st.integers(2, 4),
    shuffle=st.booleans(),
)
def test_stratified_folds_have_their_share_of_every_class(
    classes: list[int], folds: int, shuffle: bool
) -> None:
    targets = np.array(classes)

    parts = list(stratified_k_fold(classes, targets, folds, shuffle=shuffle))

    assert sorted(i for _, test in parts for i in numbers(test)) == list(range(len(classes)))
    for train, test in parts:
        assert sorted(numbers(train) + numbers(test)) == list(range(len(classes)))
    for label in set(classes):
        counts = [int((targets[numbers(test)] == label).sum()) for _, test in parts]
        assert max(counts) - min(counts) <= 1


@given(
    rows=st.integers(10, 60),
    folds=st.integers(2, 5),
    gap=st.integers(0, 3),
    test_size=st.none() | st.integers(1, 3),
    max_train_size=st.none() | st.integers(1, 20),
)
def test_folds_of_a_series_are_those_of_scikit_learn(rows: int, folds: int, **options: Any) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    splitter = selection.TimeSeriesSplit(folds, **options)
    try:
        expected = [(a.tolist(), b.tolist()) for a, b in splitter.split(np.empty(rows))]
    except ValueError:
        with pytest.raises(ConfigError, match="leave none to train the first"):
            list(time_series_folds(range(rows), folds, **options))
        return

    parts = time_series_folds(range(rows), folds, **options)

    assert [(numbers(train), numbers(test)) for train, test in parts] == expected


@pytest.mark.parametrize("folds", [1, 11])
def test_a_number_of_folds_that_cannot_be_is_refused(folds: int) -> None:
    with pytest.raises(ConfigError, match=f"{folds} folds of 10 samples; allowed: 2 to 10"):
        list(k_fold(range(10), folds))


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ConfigError, match="gap 2, shuffle True"):
        list(k_fold(range(10), 2, shuffle=True, gap=2))
    with pytest.raises(ConfigError, match=r"targets of shape \(3,\)"):
        list(stratified_k_fold(range(10), np.zeros(3), 2))
    with pytest.raises(ConfigError, match="gap 9 between 3 parts of 10"):
        chronological_split(range(10), [3, 3, 4], gap=9)
