from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine.data import DataLoader, TensorDataset
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError

rows = st.integers(1, 40)
sizes = st.integers(1, 12)


def loader(count: int, size: int, *, seed: int = 1, drop_last: bool = False) -> DataLoader:
    dataset = TensorDataset(np.arange(count))
    generator = Generator(seed)
    return DataLoader(dataset, size, shuffle=True, drop_last=drop_last, generator=generator)


@given(count=rows, size=sizes)
def test_an_epoch_holds_each_row_once(count: int, size: int) -> None:
    batches = [batch.tolist() for (batch,) in loader(count, size).batches(1)]

    assert len(batches) == len(loader(count, size))
    assert all(len(batch) == size for batch in batches[:-1])
    assert sorted(row for batch in batches for row in batch) == list(range(count))


@given(count=rows, size=sizes)
def test_drop_last_leaves_full_batches_only(count: int, size: int) -> None:
    batches = list(loader(count, size, drop_last=True).batches(1))

    assert [len(batch) for (batch,) in batches] == [size] * (count // size)


@given(count=rows, size=sizes, data=st.data())
def test_an_epoch_can_be_entered_at_any_batch(count: int, size: int, data: st.DataObject) -> None:
    whole = [batch.tolist() for (batch,) in loader(count, size).batches(3)]
    start = data.draw(st.integers(0, len(whole)))

    rest = [batch.tolist() for (batch,) in loader(count, size).batches(3, start)]

    assert rest == whole[start:]


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return [row for (batch,) in loader(30, 7, seed=seed).batches(epoch) for row in batch]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


def test_iterating_goes_through_epochs_one_after_the_other() -> None:
    batches = loader(8, 3)

    first = [batch.tolist() for (batch,) in batches]
    second = [batch.tolist() for (batch,) in batches]

    assert first == [batch.tolist() for (batch,) in loader(8, 3).batches(1)]
    assert second == [batch.tolist() for (batch,) in loader(8, 3).batches(2)]


def test_without_shuffling_rows_come_in_order() -> None:
    batches = DataLoader(TensorDataset(np.arange(5)), 2)

    assert [batch.tolist() for (batch,) in batches] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(("count", "size"), [(5, 0), (0, 5)])
def test_empty_batches_and_datasets_are_refused(count: int, size: int) -> None:
    with pytest.raises(ConfigError, match=f"batch_size {size} of {count} rows"):
        DataLoader(TensorDataset(np.arange(count)), size)


def test_in_order_batches_are_views_of_the_data() -> None:
    x = np.arange(7)

    batches = [batch for (batch,) in DataLoader(TensorDataset(x), 3).batches(1)]

    assert [batch.tolist() for batch in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    assert all(np.shares_memory(batch, x) for batch in batches)


def test_shuffled_batches_take_the_same_rows_of_every_array() -> None:
    x, target = np.arange(40).reshape(10, 4), np.arange(10)
    loader = DataLoader(TensorDataset(x, target), 3, shuffle=True, generator=Generator(1))

    for some, targets in loader:
        np.testing.assert_array_equal(some, x[targets])
