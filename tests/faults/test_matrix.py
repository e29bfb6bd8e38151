"""Every row of the matrix, as `azuraforge chaos` runs it: a few times, and many where `slow`."""

from __future__ import annotations

import pytest

from azuraforge.chaos.matrix import ROWS

FEW = {
    "bits-blob": 30,
    "bits-journal": 30,
    "calls-checkpoint": 8,
    "calls-journal": 8,
    "power-journal": 2,
    "power-checkpoint": 2,
    "power-registry": 2,
    "full-blobs": 20,
    "full-journal": 4,
    "sync-checkpoint": 2,
    "sync-journal": 3,
    "cut-events": 1,
    "slow-reader": 1,
    "kill-chaos": 4,
    "kill-images": 2,
    "kill-stock": 2,
    "frozen": 2,
    "memory": 2,
    "full-run": 3,
    "bits-checkpoint": 6,
    "calls-run": 3,
    "power-run": 2,
    "twice": 6,
    "hostile-weights": 60,
    "hostile-bundle": 80,
    "lost-replies": 1,
}
MANY = {
    "bits-blob": 1000,
    "bits-journal": 1000,
    "calls-checkpoint": 60,
    "calls-journal": 300,
    "power-journal": 100,
    "power-checkpoint": 100,
    "power-registry": 100,
    "full-blobs": 300,
    "full-journal": 100,
    "sync-checkpoint": 12,
    "sync-journal": 24,
    "cut-events": 50,
    "slow-reader": 10,
    "kill-chaos": 200,
    "kill-images": 200,
    "kill-stock": 200,
    "frozen": 50,
    "memory": 50,
    "full-run": 50,
    "bits-checkpoint": 1000,
    "calls-run": 100,
    "power-run": 50,
    "twice": 200,
    "hostile-weights": 1000,
    "hostile-bundle": 1000,
    "lost-replies": 50,
}


@pytest.mark.parametrize(("row", "times"), FEW.items())
def test_a_promise_holds_a_few_times(hold, row, times):
    hold(row, times)


@pytest.mark.slow
@pytest.mark.parametrize(("row", "times"), MANY.items())
def test_a_promise_holds_every_time(hold, row, times):
    hold(row, times)


@pytest.mark.ray
@pytest.mark.parametrize("row", ["ray-chaos", "ray-registry"])
def test_a_promise_holds_on_ray(hold, row):
    hold(row, 2)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("row", ["ray-chaos", "ray-registry", "ray-images", "ray-stock"])
def test_a_promise_holds_on_ray_every_time(hold, row):
    hold(row, 200)


@pytest.mark.ray
@pytest.mark.slow
def test_a_study_on_ray_has_the_table_of_one_undisturbed(hold):
    hold("ray-study", 5)


def test_every_row_is_a_test():
    on_ray = {"ray-chaos", "ray-registry", "ray-images", "ray-stock", "ray-study"}

    assert {row.name for row in ROWS} == FEW.keys() | on_ray
    assert FEW.keys() == MANY.keys()
