"""Series of metrics: exact, exactly once, thinned without losing a peak."""

from __future__ import annotations

import math
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from azuraforge.actors.recording.registry import Registry
from azuraforge.errors import ConfigError, FencedError, NotFoundError, RefusedError
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    LayerStatistics,
    RunFinished,
    RunStarted,
    StepFinished,
    Telemetry,
    ValidationFinished,
)
from azuraforge.schema.metrics import MetricRow
from azuraforge.schema.specs import RunSpec
from azuraforge.store.metrics import COLUMNS, ROW, extremes

SPEC = RunSpec(plugin="images")
STARTED = RunStarted(
    spec_hash="0" * 64,
    model="digits",
    monitor="accuracy",
    mode="max",
    parameters=10,
    samples={"train": 80},
    epochs=2,
    steps=20,
    threads=1,
)


pytestmark = pytest.mark.usefixtures("any_database")


@pytest.fixture
def registry(tmp_path, clock):
    ids = (f"run-{number}" for number in count(1))
    registry = Registry(tmp_path, clock=clock, new_id=lambda: next(ids))
    yield registry
    registry.close()


@pytest.fixture
def run(registry):
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [STARTED])
    return run


def step(number: int, **more) -> StepFinished:
    values = {"loss": 1 / number, "lr": 0.1, "grad_norm": 1.0, **more}
    return StepFinished(step=number, epoch=1, **values)


def values(registry: Registry, run: str, **asked) -> dict[str, list[tuple[int, float]]]:
    return {
        series.name: list(zip(series.steps, series.values, strict=True))
        for series in registry.metrics(run, **asked)
    }


def test_a_row_is_29_bytes():
    assert ROW.size == COLUMNS.itemsize == 29


def test_every_number_of_an_event_is_a_point_of_a_series(registry, run):
    events = [
        step(1, metrics={"accuracy": 0.5}),
        LayerStatistics(step=1, layers={"encoder.0": {"mean": 0.25}}),
        ValidationFinished(step=1, epoch=1, validation={"loss": 3.0}, is_best=True),
        EpochFinished(epoch=1, step=2, train={"loss": 2.0}, validation={"loss": 2.5}, is_best=True),
        RunFinished(
            step=2, best_epoch=1, validation={"accuracy": 1.0}, test={"f1": 0.75}, weights="0"
        ),
    ]

    registry.append(run, 2, events)

    assert values(registry, run) == {
        "layers/encoder.0/mean": [(1, 0.25)],
        "step/accuracy": [(1, 0.5)],
        "step/grad_norm": [(1, 1.0)],
        "step/loss": [(1, 1.0)],
        "step/lr": [(1, 0.1)],
        "test/f1": [(2, 0.75)],
        "train/loss": [(2, 2.0)],
        "validation/loss": [(1, 3.0), (2, 2.5)],
    }


def test_points_of_events_sent_again_are_there_once(registry, run, clock):
    registry.append(run, 2, [step(1), step(2)])
    clock.advance(5)

    registry.append(run, 2, [step(1), step(2), step(3)])

    (series,) = registry.metrics(run, ["step/loss"])
    assert series.steps == [1, 2, 3]
    assert series.times == [clock() - 5, clock() - 5, clock()]


def test_a_reader_asks_for_names_and_for_what_is_new(registry, run):
    registry.append(run, 2, [step(1), step(2)])
    registry.append(run, 4, [step(3)])

    assert values(registry, run, names=["step/loss", "nothing"], after=1) == {
        "step/loss": [(2, 1 / 2), (3, 1 / 3)]
    }
    assert values(registry, run, after=3) == {}
    with pytest.raises(NotFoundError):
        registry.metrics("nothing")


def test_rows_that_are_logged_twice_under_one_number_are_kept_once(registry, run, clock):
    attempt = registry.begin_attempt(run, "a").number
    rows = [
        MetricRow(name="fid", step=1, value=12.5),
        MetricRow(name="fid", step=2, value=9, time=1),
    ]

    for _ in range(2):
        registry.log_metrics(run, rows, number=1, attempt=attempt)
    registry.log_metrics(run, [MetricRow(name="fid", step=3, value=8)], number=2, attempt=attempt)

    (series,) = registry.metrics(run, ["fid"])
    assert (series.steps, series.values) == ([1, 2, 3], [12.5, 9.0, 8.0])
    assert series.times == [clock(), 1.0, clock()]


def test_rows_of_an_attempt_that_is_fenced_are_refused(registry, run):
    registry.begin_attempt(run, "a")
    registry.begin_attempt(run, "b")

    with pytest.raises(FencedError):
        registry.log_metrics(run, [MetricRow(name="x", step=1, value=1)], number=1, attempt=1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_refused(registry, run, value):
    with pytest.raises(RefusedError, match=r"value is (nan|inf)"):
        registry.log_metrics(run, [MetricRow(name="x", step=1, value=value)], number=1)

    assert registry.metrics(run) == []


def test_what_a_machine_did_is_a_series_too(registry, run, clock):
    for number in (1, 2):
        registry.report(
            run,
            Telemetry(step=number, elapsed_s=1.0, samples_per_s=100.0 * number, eta_s=1.0),
        )

    assert values(registry, run) == {"telemetry/samples_per_s": [(1, 100.0), (2, 200.0)]}


def test_a_series_thinned_for_a_screen_keeps_its_least_and_greatest(registry, run):
    losses = [5.0] * 1000
    losses[321], losses[777] = 99.0, -99.0
    registry.append(run, 2, [step(n, loss=loss) for n, loss in enumerate(losses, 1)])

    (series,) = registry.metrics(run, ["step/loss"], points=20)

    assert series.is_thinned
    assert len(series.values) <= 22
    assert (322, 99.0) in zip(series.steps, series.values, strict=True)
    assert (778, -99.0) in zip(series.steps, series.values, strict=True)
    assert series.steps[0] == 1
    assert series.steps[-1] == 1000
    with pytest.raises(ConfigError, match="allowed: 2 or more"):
        registry.metrics(run, points=1)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(2, 50))
def test_extremes_hold_the_least_the_greatest_and_both_ends_in_order(numbers, points):
    import numpy as np

    places = extremes(np.array(numbers), points).tolist()
    kept = [numbers[place] for place in places]

    assert places == sorted(set(places))
    assert (min(kept), max(kept)) == (min(numbers), max(numbers))
    assert places[0] == 0
    assert places[-1] == len(numbers) - 1
    assert len(places) <= max(points + 2, 4)


def test_thinning_leaves_the_journal_and_lets_a_fork_still_have_its_part(registry, run):
    events = []
    for number in range(1, 101):
        events.append(step(number))
        if number % 50 == 0:
            events.append(CheckpointSaved(step=number, epoch=1, sha256=f"{number:064x}"))
    for first in range(0, len(events), 10):
        registry.append(run, first + 2, events[first : first + 10])
    before = registry.events(run)

    gone = registry.thin(run, keep=10)
    child = registry.fork(run, 50).id

    assert gone == sum(100 - len(series.steps) for series in registry.metrics(run))
    assert gone > 200
    assert registry.events(run) == before
    theirs, ours = values(registry, run)["step/loss"], values(registry, child)["step/loss"]
    assert ours == [point for point in theirs if point[0] <= 50]
    assert len(ours) >= 5


def test_a_fork_has_the_series_up_to_its_step_and_goes_on_with_them(registry, run):
    saved = CheckpointSaved(step=2, epoch=1, sha256="0" * 64)
    registry.append(run, 2, [step(1), step(2), saved, step(3), step(4)])

    child = registry.fork(run, 3).id
    registry.append(child, 6, [step(4, loss=7.0)])

    assert values(registry, child)["step/loss"] == [(1, 1.0), (2, 1 / 2), (3, 1 / 3), (4, 7.0)]


def test_a_name_of_a_transaction_that_failed_is_numbered_anew(registry, run):
    def fail() -> None:
        with registry._writing() as writing:
            writing.names.number(writing.db, "lost")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    registry.log_metrics(run, [MetricRow(name="other", step=1, value=1)], number=1)
    registry.log_metrics(run, [MetricRow(name="lost", step=1, value=2)], number=2)

    assert values(registry, run) == {"lost": [(1, 2.0)], "other": [(1, 1.0)]}


def test_a_name_whose_commit_failed_does_not_take_the_number_of_another(registry, run, tmp_path):
    def fail(connection):
        raise OSError("the disk is gone")

    event.listen(registry._database._writer, "commit", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        registry.append(run, 2, [step(1, metrics={"mine": 1.0})])
    event.remove(registry._database._writer, "commit", fail)
    other = Registry(tmp_path)
    theirs = other.create_run(SPEC).id
    other.append(theirs, 1, [STARTED, step(1, metrics={"theirs": 2.0})])
    other.close()

    registry.append(run, 2, [step(1, metrics={"mine": 1.0})])

    assert [one.values for one in registry.metrics(run, ["step/mine"])] == [[1.0]]
    assert registry.metrics(run, ["step/theirs"]) == []
