"""Samplers: what an epoch holds, and how often."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    WeightedRandomSampler,
)
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError

rows = st.integers(1, 50)


@given(rows=rows, epoch=st.integers(1, 9), seed=st.integers(0, 9))
def test_every_epoch_is_a_permutation(rows: int, epoch: int, seed: int) -> None:
    sampler = RandomSampler(range(rows), generator=Generator(seed))
    sampler.set_epoch(epoch)

    assert sorted(sampler) == list(range(rows))
    assert sampler.epoch == epoch + 1


def test_epochs_differ_and_come_again_by_their_number() -> None:
    sampler = RandomSampler(range(30), generator=Generator(1))
    first, second = list(sampler), list(sampler)

    sampler.set_epoch(1)

    assert first != second
    assert [list(sampler), list(sampler)] == [first, second]


@given(rows=rows, count=st.integers(1, 120))
def test_more_samples_than_there_are_begin_another_order(rows: int, count: int) -> None:
    found = np.array(list(RandomSampler(range(rows), num_samples=count, generator=Generator(1))))

    assert len(found) == count
    counts = np.bincount(found, minlength=rows)
    assert counts.max() - counts.min() <= 1


def test_with_replacement_every_sample_is_as_likely() -> None:
    sampler = RandomSampler(range(10), replacement=True, num_samples=20_000, generator=Generator(2))

    counts = np.bincount(list(sampler), minlength=10)

    assert abs(counts - 2000).max() < 5 * np.sqrt(2000)


@pytest.mark.parametrize("replacement", [True, False])
def test_samples_come_in_proportion_to_their_weights(replacement: bool) -> None:
    weights = np.array([0.0, 1.0, 2.0, 5.0])
    sampler = WeightedRandomSampler(weights, 1, replacement, generator=Generator(3))

    counts = np.bincount([next(iter(sampler)) for _ in range(4000)], minlength=4)

    expected = 4000 * weights / weights.sum()
    assert counts[0] == 0
    assert (abs(counts - expected)[1:] < 5 * np.sqrt(expected[1:])).all()


@given(weights=st.lists(st.floats(0.01, 100), min_size=1, max_size=30), data=st.data())
def test_without_replacement_no_sample_comes_twice(
    weights: list[float], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(weights)))

    found = list(WeightedRandomSampler(weights, count, replacement=False))

    assert len(set(found)) == count


@pytest.mark.parametrize(
    ("weights", "count", "replacement"),
    [([], 1, True), ([0, 0], 1, True), ([1, -1], 1, True), ([1, np.nan], 1, True),
     ([[1, 2]], 1, True), ([1, 2], 0, True), ([1, 0], 2, False)],
)  # fmt: skip
def test_weights_that_make_no_draw_are_refused(
    weights: list[float], count: int, replacement: bool
) -> None:
    with pytest.raises(ConfigError, match="WeightedRandomSampler"):
        WeightedRandomSampler(weights, count, replacement)


@given(rows=rows, ranks=st.integers(1, 6), shuffle=st.booleans(), drop_last=st.booleans())
def test_the_shares_of_all_ranks_are_the_dataset(
    rows: int, ranks: int, shuffle: bool, drop_last: bool
) -> None:
    samplers = [
        DistributedSampler(range(rows), ranks, rank, shuffle, drop_last=drop_last)
        for rank in range(ranks)
    ]
    shares = [list(sampler) for sampler in samplers]

    whole = [number for share in shares for number in share]
    assert [len(share) for share in shares] == [len(samplers[0])] * ranks
    if drop_last:
        assert len(set(whole)) == len(whole) == rows // ranks * ranks
    else:
        assert set(whole) == set(range(rows))
        assert len(whole) - rows < ranks


@pytest.mark.parametrize("drop_last", [True, False])
def test_the_shares_in_order_are_those_of_pytorch(drop_last: bool) -> None:
    distributed = pytest.importorskip("torch.utils.data.distributed")
    for rows, ranks in ((10, 3), (2, 5), (12, 4)):
        for rank in range(ranks):
            ours = DistributedSampler(range(rows), ranks, rank, False, drop_last=drop_last)

            theirs = distributed.DistributedSampler(
                range(rows), ranks, rank, shuffle=False, drop_last=drop_last
            )
            assert list(ours) == list(theirs)


def test_a_rank_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="rank 2 of 2"):
        DistributedSampler(range(4), 2, 2)


@given(rows=st.integers(0, 30), size=st.integers(1, 7), drop_last=st.booleans())
def test_batches_of_a_sampler_hold_its_numbers_in_order(
    rows: int, size: int, drop_last: bool
) -> None:
    sampler = BatchSampler(SequentialSampler(range(rows)), size, drop_last)

    batches = list(sampler)

    assert len(batches) == len(sampler)
    flat = [number for batch in batches for number in batch]
    assert flat == list(range(rows // size * size if drop_last else rows))
