"""Windows over series."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.data import DataLoader, WindowDataset, chronological_split, sliding_windows
from azuraforge.engine import Tensor
from azuraforge.engine.random import Generator
from azuraforge.errors import DataError, ShapeError

small = st.integers(1, 5)


@given(rows=st.integers(1, 30), length=small, stride=small, columns=st.integers(0, 3))
def test_windows_are_views_of_runs_of_rows(
    rows: int, length: int, stride: int, columns: int
) -> None:
    length = min(length, rows)
    series = np.arange(rows * (columns or 1)).reshape((rows, columns) if columns else rows)

    windows = sliding_windows(series, length, stride)

    begins = range(0, rows - length + 1, stride)
    np.testing.assert_array_equal(windows, [series[at : at + length] for at in begins])
    assert np.shares_memory(windows, series)


@given(
    rows=st.integers(10, 30),
    length=small,
    horizon=small,
    stride=small,
    data=st.data(),
)
def test_a_sample_is_a_window_and_what_comes_after_it(
    rows: int, length: int, horizon: int, stride: int, data: st.DataObject
) -> None:
    series, target = np.arange(rows * 2).reshape(rows, 2), np.arange(rows) * 10
    dataset = WindowDataset(series, length, horizon, stride, target)
    begins = range(0, rows - length - horizon + 1, stride)
    chosen = data.draw(st.lists(st.integers(0, len(begins) - 1), min_size=1, max_size=6))
    part = slice(*sorted(data.draw(st.tuples(st.integers(0, 30), st.integers(0, 30)))))

    expected = [(series[b : b + length], target[b + length :][:horizon]) for b in begins]

    assert len(dataset) == len(expected)
    for x, y in (dataset[np.array(chosen)], next(dataset.each([chosen]))):
        np.testing.assert_array_equal(x, [expected[i][0] for i in chosen])
        np.testing.assert_array_equal(y, [expected[i][1] for i in chosen])
    for got, wanted in zip(dataset.__getitems__(chosen), chosen, strict=True):
        np.testing.assert_array_equal(got[0], expected[wanted][0])
    np.testing.assert_array_equal(dataset[-1][1], expected[-1][1])
    xs, ys = dataset[part]
    assert (len(xs), len(ys)) == (len(expected[part]),) * 2
    for x, y, (wx, wy) in zip(xs, ys, expected[part], strict=True):
        np.testing.assert_array_equal(x, wx)
        np.testing.assert_array_equal(y, wy)


def test_batches_in_order_are_views_and_shuffled_ones_as_good() -> None:
    series = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    dataset = WindowDataset(series, 8, 2)

    in_order = list(DataLoader(dataset, 7))
    shuffled = list(DataLoader(dataset, 7, shuffle=True, generator=Generator(1)))

    assert all(np.shares_memory(x, series) and np.shares_memory(y, series) for x, y in in_order)
    assert {x.tobytes() for xs, _ in in_order for x in xs} == {
        x.tobytes() for xs, _ in shuffled for x in xs
    }


def test_of_a_tensor_windows_are_tensors_and_it_is_sent_without_its_windows() -> None:
    dataset = WindowDataset(Tensor(np.arange(1000.0)), 500, 10)

    x, y = dataset[2:4]

    assert isinstance(x, Tensor)
    assert isinstance(y, Tensor)
    assert y.numpy()[0].tolist() == list(range(502, 512))
    assert len(pickle.dumps(WindowDataset(np.arange(1000.0), 500))) < 9000


def test_with_a_gap_no_row_is_in_two_parts() -> None:
    series = np.arange(50)
    dataset = WindowDataset(series, 4, 2)

    parts = chronological_split(dataset, [0.6, 0.4], gap=5)

    rows = [
        {int(n) for x, y in map(part.__getitem__, range(len(part))) for n in (*x, *y)}
        for part in parts
    ]
    assert not rows[0] & rows[1]


def test_what_makes_no_window_is_refused() -> None:
    with pytest.raises(DataError, match="length 8, horizon 3, stride 1 over 10 rows"):
        WindowDataset(np.arange(10), 8, 3)
    with pytest.raises(ShapeError, match="series of 10 rows, target of 9"):
        WindowDataset(np.arange(10), 2, target=np.arange(9))
    with pytest.raises(ShapeError, match="length 4, stride 1, series of 3 rows"):
        sliding_windows(np.arange(3), 4)
    with pytest.raises(IndexError, match="window 9 of 9"):
        WindowDataset(np.arange(10), 1)[9]
