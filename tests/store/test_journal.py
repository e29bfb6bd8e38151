from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.errors import DataError
from azuraforge.schema.events import RunStarted, StepFinished
from azuraforge.schema.specs import RunSpec

EVENTS = [
    RunStarted(
        spec_hash="",
        model="m",
        monitor="loss",
        mode="min",
        parameters=1,
        samples={},
        epochs=1,
        steps=9,
        threads=1,
    ),
    *(StepFinished(step=n, epoch=1, loss=0.5, lr=0.1, grad_norm=1.0) for n in range(1, 6)),
]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(tmp_path)
    yield registry
    registry.close()


def changed(home: Path, statement: str) -> None:
    """Change the database behind the Registry's back."""
    database = sqlite3.connect(home / "registry.sqlite")
    with database:
        database.execute(statement)
    database.close()


@pytest.mark.parametrize("after", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("damage", "at"),
    [
        ("UPDATE events SET event = replace(event, '0.5', '0.7') WHERE seq = 4", 4),
        ("UPDATE events SET event = 'x' WHERE seq = 4", 4),
        ("UPDATE events SET chain = zeroblob(32) WHERE seq = 5", 5),
        ("DELETE FROM events WHERE seq = 5", 5),
        ("DELETE FROM events WHERE seq = 6", 6),
    ],
    ids=["other text", "no JSON", "other chain", "one is missing", "the last is missing"],
)
def test_a_damaged_journal_is_refused_from_wherever_it_is_read(
    registry: Registry, tmp_path: Path, damage: str, at: int, after: int
):
    run = registry.create_run(RunSpec(plugin="p")).id
    registry.append(run, 1, EVENTS)
    changed(tmp_path, damage)

    with pytest.raises(DataError, match=f"run {run}: event {at} is damaged"):
        registry.events(run, after)


@pytest.mark.parametrize("after", range(8))
@pytest.mark.parametrize("limit", [1, 2, 5, 6, 100])
def test_a_sound_journal_is_read_from_anywhere(registry: Registry, after: int, limit: int):
    run = registry.create_run(RunSpec(plugin="p")).id
    registry.append(run, 1, EVENTS)

    found = registry.events(run, after, limit)

    assert [entry.event for entry in found] == EVENTS[after : after + limit]
    assert [entry.seq for entry in found] == list(range(after + 1, after + 1 + len(found)))


def test_a_damaged_record_of_a_run_is_refused(registry: Registry, tmp_path: Path):
    run = registry.create_run(RunSpec(plugin="p")).id
    changed(tmp_path, "UPDATE runs SET record = substr(record, 2)")

    with pytest.raises(DataError, match=f"record of run {run} is damaged"):
        registry.run(run)
