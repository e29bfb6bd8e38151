"""Windows, splits and scalers: nothing of a later split is known in an earlier one."""

from __future__ import annotations

import numpy as np
import pytest
from azuraforge_stock.config import DataConfig
from azuraforge_stock.prices import Prices
from azuraforge_stock.samples import Scaler, split
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.errors import DataError

CONFIG = DataConfig(path="prices.csv", features=("Close", "Volume"), window=5)


def test_a_sample_is_the_changes_of_its_window_and_the_change_to_its_target() -> None:
    prices = random_prices(100)

    train = split(prices, CONFIG).train

    scaler = split(prices, CONFIG).scaler.state()
    logs = np.log(prices.values)
    for sample in (0, 7):
        window = logs[sample : sample + 5]
        expected = (window[1:] - window[:-1] - scaler["mean"]) / scaler["std"]
        np.testing.assert_allclose(train.x[sample], expected, rtol=1e-5, atol=1e-6)
        change = logs[sample + 5, 0] - logs[sample + 4, 0]
        np.testing.assert_allclose(
            train.y[sample], [(change - scaler["target_mean"]) / scaler["target_std"]], rtol=1e-5
        )
        assert train.last[sample] == prices.values[sample + 4, 0]
        assert train.truth[sample] == prices.values[sample + 5, 0]


@given(
    rows=st.integers(60, 300),
    window=st.integers(2, 12),
    horizon=st.integers(1, 6),
    shares=st.tuples(st.floats(0.1, 0.3), st.floats(0.1, 0.3)),
)
def test_targets_are_in_the_order_of_time_each_in_one_split(
    rows: int, window: int, horizon: int, shares: tuple[float, float]
) -> None:
    prices = Prices(("Close",), np.exp(np.linspace(0, 1, rows) ** 2)[:, None])
    config = DataConfig(
        path="", features=("Close",), window=window, horizon=horizon,
        validation=shares[0], test=shares[1],
    )  # fmt: skip

    splits = split(prices, config)

    parts = (splits.train, splits.validation, splits.test)
    targets = np.concatenate([part.truth for part in parts])
    np.testing.assert_array_equal(targets, prices.values[window - 1 + horizon :, 0])
    last = np.concatenate([part.last for part in parts])
    np.testing.assert_array_equal(last, prices.values[window - 1 : rows - horizon, 0])
    assert len(splits.test.truth) == round(rows * shares[1])
    assert len(splits.validation.truth) == round(rows * shares[0])


def test_rows_behind_the_training_rows_change_nothing_in_scaler_and_training_samples() -> None:
    prices = random_prices(100)
    changed = Prices(prices.columns, prices.values.copy())
    changed.values[70:] *= random_prices(30, seed=9).values

    before, after = split(prices, CONFIG), split(changed, CONFIG)

    assert before.scaler.state() == after.scaler.state()
    for a, b in zip(before.train, after.train, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(before.validation.x, after.validation.x)


def test_the_last_training_row_does_count() -> None:
    prices = random_prices(100)
    changed = Prices(prices.columns, prices.values.copy())
    changed.values[69] *= 2

    assert split(prices, CONFIG).scaler.state() != split(changed, CONFIG).scaler.state()


def test_training_changes_are_scaled_to_mean_zero_and_spread_one() -> None:
    prices = random_prices(500)

    scaler = split(prices, CONFIG).scaler

    scaled = scaler.features(np.diff(np.log(prices.values[:350]), axis=0))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-6)


def test_the_price_of_a_targets_scaled_change_is_the_target() -> None:
    splits = split(random_prices(100), CONFIG)

    prices = splits.scaler.price(splits.test.y[:, 0], splits.test.last)

    np.testing.assert_allclose(prices, splits.test.truth, rtol=1e-6)


def test_a_scaler_is_the_same_after_its_state_went_through_plain_values() -> None:
    scaler = split(random_prices(100), CONFIG).scaler

    assert Scaler.of(scaler.state()).state() == scaler.state()


def test_too_few_rows_are_refused_with_the_samples_they_give() -> None:
    with pytest.raises(DataError) as refusal:
        split(random_prices(9), CONFIG)

    assert str(refusal.value) == (
        "prices.csv: 9 rows give 2 training, 1 validation and 1 test samples; each needs 2 at "
        "least: use more rows, or a smaller data.window (now 5)"
    )


def test_a_column_that_is_still_in_the_training_rows_is_refused() -> None:
    prices = random_prices(100)
    prices.values[:70, 1] = 3.0

    with pytest.raises(DataError, match=r"Volume always changes alike in the 70 training rows"):
        split(prices, CONFIG)


def random_prices(rows: int, seed: int = 0) -> Prices:
    steps = np.random.default_rng(seed).normal(0, 0.02, (rows, 2))
    return Prices(("Close", "Volume"), np.exp(3 + np.cumsum(steps, axis=0)))
