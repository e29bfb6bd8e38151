"""The figures of a forecast, against scikit-learn's and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from azuraforge_stock.metrics import report


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_errors_of_forecast_and_baseline_are_scikit_learns(rng: np.random.Generator) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    last, truth, forecast = 100 + rng.normal(size=(3, 50)).cumsum(axis=1)

    found = report(forecast, last, truth, rises=True)

    for prefix, prediction in (("", forecast), ("persistence_", last)):
        assert found[f"{prefix}mae"] == pytest.approx(
            metrics.mean_absolute_error(truth, prediction)
        )
        rmse = metrics.root_mean_squared_error(truth, prediction)
        assert found[f"{prefix}rmse"] == pytest.approx(rmse)
        assert found[f"{prefix}r2"] == pytest.approx(metrics.r2_score(truth, prediction))


def test_directions_are_held_against_the_last_price() -> None:
    last = np.array([10.0, 10.0, 10.0, 10.0])
    truth = np.array([11.0, 9.0, 12.0, 10.0])  # up, down, up, no change: up
    forecast = np.array([12.0, 11.0, 9.9, 10.0])  # up, up, down, up

    rising = report(forecast, last, truth, rises=True)
    falling = report(forecast, last, truth, rises=False)

    assert rising["direction_accuracy"] == falling["direction_accuracy"] == 0.5
    assert rising["majority_direction_accuracy"] == 0.75
    assert falling["majority_direction_accuracy"] == 0.25


def test_a_forecast_that_is_the_last_price_has_the_errors_of_persistence(
    rng: np.random.Generator,
) -> None:
    last, truth = 100 + rng.normal(size=(2, 30))

    found = report(last, last, truth, rises=True)

    for name in ("mae", "rmse", "r2"):
        assert found[name] == found[f"persistence_{name}"]


def test_where_the_truth_never_moves_every_figure_is_still_a_number() -> None:
    truth = np.full(3, 5.0)

    exact = report(truth, truth, truth, rises=True)
    wrong = report(truth + 1, truth, truth, rises=True)

    assert exact["r2"] == 1.0
    assert wrong["r2"] == 0.0
    assert all(np.isfinite(value) for value in (exact | wrong).values())
