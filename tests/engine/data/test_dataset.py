from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.data import ConcatDataset, IterableDataset, Subset, TensorDataset
from azuraforge.engine import Tensor
from azuraforge.errors import ConfigError, ShapeError


def test_rows_of_every_array_are_taken_together() -> None:
    data = TensorDataset(np.arange(10), np.arange(10) * 2)

    x, y = data[np.array([3, 1])]

    assert (x.tolist(), y.tolist()) == ([3, 1], [6, 2])
    assert len(data.subset(slice(2, 6))) == 4


def test_arrays_of_unequal_length_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\[3, 2\] rows"):
        TensorDataset(np.ones(3), np.ones(2))
    with pytest.raises(ShapeError, match=r"\[\] rows"):
        TensorDataset()


def test_of_tensors_rows_are_tensors() -> None:
    data = TensorDataset(Tensor(np.arange(10)), np.arange(10))

    x, y = data[2:4]

    assert isinstance(x, Tensor)
    assert isinstance(y, np.ndarray)
    assert [int(a.item()) for a, _ in data.__getitems__([5, 5, 1])] == [5, 5, 1]


chosen = st.lists(st.integers(0, 11), min_size=1, max_size=20)


@given(numbers=chosen, picked=st.lists(st.integers(0, 100), min_size=1, max_size=9))
def test_a_subset_has_the_samples_of_its_numbers(numbers: list[int], picked: list[int]) -> None:
    data = TensorDataset(np.arange(12) * 10)
    subset = Subset(Subset(data, list(range(12))), numbers)
    rows = [at % len(numbers) for at in picked]

    (whole,) = next(subset.each([np.array(rows)]))

    expected = [numbers[row] * 10 for row in rows]
    assert whole.tolist() == expected
    assert [int(x) for (x,) in subset.__getitems__(rows)] == expected
    assert [int(subset[row][0]) for row in rows] == expected


@given(
    begin=st.integers(0, 11), size=st.integers(1, 12), a=st.integers(0, 12), b=st.integers(0, 12)
)
def test_a_run_of_rows_of_a_run_of_rows_is_a_view(begin: int, size: int, a: int, b: int) -> None:
    x = np.arange(12)
    numbers = range(12)[begin : begin + size]

    (rows,) = Subset(TensorDataset(x), numbers)[slice(a, b)]

    assert rows.tolist() == list(numbers[a:b])
    assert rows.size == 0 or np.shares_memory(rows, x)


@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=5), data=st.data())
def test_datasets_one_after_the_other_are_numbered_through(
    sizes: list[int], data: st.DataObject
) -> None:
    total = sum(sizes)
    parts = [np.arange(n) + 100 * i for i, n in enumerate(sizes)]
    joined = ConcatDataset(TensorDataset(part) for part in parts)
    expected = np.concatenate(parts).tolist()
    assert len(joined) == total
    if not total:
        return
    rows = data.draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=12))

    (batch,) = next(joined.each([np.array(rows)]))

    assert batch.tolist() == [expected[row] for row in rows]
    assert [int(x) for (x,) in joined.__getitems__(rows)] == [expected[row] for row in rows]
    assert [int(joined[row - total][0]) for row in rows] == [expected[row] for row in rows]
    with pytest.raises(IndexError, match=f"sample {total} of {total}"):
        joined[total]


def test_a_sum_of_datasets_is_the_one_after_the_other() -> None:
    joined = TensorDataset(np.arange(2)) + TensorDataset(np.arange(3))

    assert [int(x) for (x,) in (joined[i] for i in range(5))] == [0, 1, 0, 1, 2]


def test_streams_and_nothing_at_all_are_not_joined() -> None:
    class Stream(IterableDataset[int]):
        def __iter__(self) -> Iterator[Any]:
            return iter(())

    with pytest.raises(ConfigError, match="Stream is a stream"):
        ConcatDataset([Stream()])
    with pytest.raises(ConfigError, match="no datasets"):
        ConcatDataset([])
