"""Snapshots say what the database says, and are written anew where that has changed alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("duckdb", reason="needs azuraforge[query]")

from azuraforge.actors.recording.registry import Registry
from azuraforge.errors import HomeError
from azuraforge.schema.events import Event, StepFinished, Telemetry
from azuraforge.schema.metrics import MetricRow
from azuraforge.schema.specs import RunSpec
from azuraforge.store.query import ask
from azuraforge.store.snapshots import BLOCK, SPARED_S, Snapshots
from azuraforge.store.sqlite import SQLite
from tests.conftest import Clock
from tests.store.journals import whole_run

TABLES = ["events", "metrics", "models", "params", "runs", "tags"]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(tmp_path, clock=Clock())) as registry:
        yield registry


def test_a_home_without_runs_has_every_table_without_rows(
    registry: Registry, tmp_path: Path
) -> None:
    files = refreshed(tmp_path)

    assert sorted(files) == TABLES
    for table in TABLES:
        assert ask(f"select * from {table}", files).rows == []


def test_every_event_and_number_of_the_journals_is_there(
    registry: Registry, tmp_path: Path
) -> None:
    runs = [finished(registry, lr=lr) for lr in (0.1, 0.2)]

    files = refreshed(tmp_path)

    entries = [entry for run in runs for entry in registry.events(run)]
    expected = [(e.run, e.seq, msgspec.json.encode(e.event).decode()) for e in entries]
    assert ask("select run, seq, event from events order by run, seq", files).rows == expected
    steps = [(e.run, e.seq, e.event) for e in entries if isinstance(e.event, StepFinished)]
    found = ask(
        "select run, seq, step, epoch, value from metrics where part = 'step' and name = 'loss' "
        "order by run, seq",
        files,
    )
    assert found.rows == [(run, seq, e.step, e.epoch, e.loss) for run, seq, e in steps]


def test_runs_settings_tags_and_models_are_as_the_registry_tells_them(
    registry: Registry, tmp_path: Path
) -> None:
    run = finished(registry, lr=0.1, tags={"stage": "draft"})

    files = refreshed(tmp_path)

    record, (model,) = registry.run(run), registry.models()
    assert ask("select run, state, seed, best, chain, epoch(created_at) from runs", files).rows == [
        (run, "finished", 3, record.metrics["loss"], record.chain, record.created_at)
    ]
    assert ask("select path, value, number from params order by path", files).rows == [
        ("data.name", "digits", None),
        ("data.shuffled", "true", None),
        ("optim.lr", "0.1", 0.1),
    ]
    assert ask("select * from tags", files).rows == [(run, "stage", "draft")]
    assert ask("select name, version, aliases, test from models", files).rows == [
        (model.name, 1, "champion", model.test["loss"])
    ]


def test_only_what_has_changed_is_written_anew(registry: Registry, tmp_path: Path) -> None:
    first = finished(registry, lr=0.1)
    for _ in range(BLOCK):
        registry.create_run(RunSpec(plugin="images"))
    before, again = refreshed(tmp_path), refreshed(tmp_path)

    last = finished(registry, lr=0.2)
    after = refreshed(tmp_path)

    assert before == again
    assert len(after["events"]) == 2
    assert after["events"][0] == before["events"][0]  # the block of the first run
    assert after["events"][1] != before["events"][1]
    assert after["tags"] == before["tags"]
    assert after["runs"] != before["runs"]
    for run in (first, last):
        (count,) = ask(f"select count(*) from events where run = '{run}'", after).rows[0]
        assert count == registry.run(run).last_seq


def test_a_journal_that_has_grown_is_seen(registry: Registry, tmp_path: Path) -> None:
    run = registry.create_run(RunSpec(plugin="images")).id
    events = whole_run()
    counts = []

    for seq, event in enumerate(events, 1):
        registry.append(run, seq, [event])
        counts.append(ask("select count(*), max(seq) from events", refreshed(tmp_path)).rows[0])

    assert counts == [(n, n) for n in range(1, len(events) + 1)]


def test_what_no_event_holds_is_there_and_seen_when_it_grows(
    registry: Registry, tmp_path: Path
) -> None:
    run = registry.create_run(RunSpec(plugin="images")).id
    registry.append(run, 1, whole_run()[:2])
    pace = Telemetry(step=1, elapsed_s=1.0, samples_per_s=64.0, eta_s=1.0)
    first = refreshed(tmp_path)

    registry.report(run, pace)
    registry.log_metrics(run, [MetricRow(name="reward/a", step=1, value=0.5, time=7.0)], number=1)
    second = refreshed(tmp_path)
    registry.log_metrics(run, [MetricRow(name="reward/a", step=2, value=0.75)], number=2)
    third = refreshed(tmp_path)

    asked = "select part, name, step, value from metrics where seq is null order by 1, 3"
    assert ask(asked, first).rows == []
    logged = ("logged", "reward/a", 1, 0.5)
    paced = ("telemetry", "samples_per_s", 1, 64.0)
    assert ask(asked, second).rows == [logged, paced]
    assert ask(asked, third).rows == [logged, ("logged", "reward/a", 2, 0.75), paced]
    assert first["events"] == third["events"]


def test_a_replaced_file_stays_for_an_hour(registry: Registry, tmp_path: Path) -> None:
    clock = Clock()
    old = refreshed(tmp_path, clock)["runs"][0]
    os.utime(old, (clock.now_s, clock.now_s))
    registry.create_run(RunSpec(plugin="images"))

    clock.advance(SPARED_S)
    refreshed(tmp_path, clock)
    assert old.exists()

    clock.advance(1)
    refreshed(tmp_path, clock)
    assert not old.exists()


def test_a_folder_that_cannot_be_written_is_named(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("in the way")

    with pytest.raises(HomeError, match="home folder"):
        refreshed(tmp_path)


def refreshed(home: Path, clock: Clock | None = None) -> dict[str, list[Path]]:
    with (
        closing(SQLite(home)) as database,
        closing(Snapshots(home, database, clock=clock or Clock())) as snapshots,
    ):
        return snapshots.refresh()


def finished(registry: Registry, *, lr: float, tags: dict[str, str] | None = None) -> str:
    """The id of a run that has ended."""
    config = {"data": {"name": "digits", "shuffled": True}, "optim": {"lr": lr}}
    run = registry.create_run(RunSpec(plugin="images", config=config, seed=3), tags=tags).id
    events: list[Event] = whole_run()
    registry.append(run, 1, events)
    return run
