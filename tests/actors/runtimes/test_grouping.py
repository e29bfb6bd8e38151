"""Group commit: one sync for many, nothing lost or twice, refusals told to whom they concern."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azuraforge.actors.runtimes.grouping import GroupingRegistry
from azuraforge.errors import FencedError, NoRoomError, RefusedError
from azuraforge.schema.events import RunStarted, StepFinished
from azuraforge.schema.records import Ack
from azuraforge.schema.specs import RunSpec

STARTED = RunStarted(
    spec_hash="0" * 64,
    model="tiny",
    monitor="loss",
    mode="min",
    parameters=1,
    samples={"train": 8, "validation": 8, "test": 8},
    epochs=1,
    steps=100,
    threads=1,
)


def steps(first: int, last: int) -> list[Any]:
    """Events numbered so: the first of a run is its start."""
    return [
        StepFinished(step=seq - 1, epoch=1, loss=1.0, lr=0.1, grad_norm=1.0) if seq > 1 else STARTED
        for seq in range(first, last + 1)
    ]


class Commits:
    """Where a commit is scheduled: how often it was, and hasn't been done."""

    def __init__(self) -> None:
        self.scheduled = 0

    def __call__(self) -> None:
        self.scheduled += 1


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
def registry(tmp_path: Path, commits: Commits) -> Iterator[GroupingRegistry]:
    registry = GroupingRegistry(tmp_path, schedule=commits)
    yield registry
    registry.close()


def begun(registry: GroupingRegistry) -> str:
    run = registry.create_run(RunSpec(plugin="tiny")).id
    registry.begin_attempt(run, "here")
    return run


def seqs(registry: GroupingRegistry, run: str) -> list[int]:
    return [entry.seq for entry in registry.events(run)]


def test_what_is_appended_before_a_commit_is_one_transaction(
    registry: GroupingRegistry, commits: Commits
) -> None:
    one, two = begun(registry), begun(registry)

    first = registry.append(one, 1, steps(1, 2), attempt=1)
    registry.append(two, 1, steps(1, 1), attempt=1)
    registry.append(one, 3, steps(3, 4), attempt=1)
    before = seqs(registry, one)
    registry.commit()

    assert (first, before, commits.scheduled) == (Ack(durable_seq=0), [], 1)
    assert (seqs(registry, one), seqs(registry, two)) == ([1, 2, 3, 4], [1])
    assert registry.append(one, 5, [], attempt=1) == Ack(durable_seq=4)


def test_events_that_are_sent_again_before_they_are_durable_are_taken_once(
    registry: GroupingRegistry,
) -> None:
    run = begun(registry)

    registry.append(run, 1, steps(1, 2), attempt=1)
    registry.append(run, 1, steps(1, 3), attempt=1)
    registry.commit()

    assert seqs(registry, run) == [1, 2, 3]


def test_a_refusal_is_told_to_the_next_append_of_that_run_alone(registry: GroupingRegistry) -> None:
    one, two = begun(registry), begun(registry)
    registry.append(one, 5, steps(5, 5), attempt=1)
    registry.append(two, 1, steps(1, 1), attempt=1)

    registry.commit()

    with pytest.raises(RefusedError, match="got event 5 after event 0"):
        registry.append(one, 5, steps(5, 6), attempt=1)
    assert registry.append(two, 2, [], attempt=1).durable_seq == 1


def test_a_trainer_after_which_another_began_is_told_so(registry: GroupingRegistry) -> None:
    run = begun(registry)
    registry.begin_attempt(run, "elsewhere")
    registry.append(run, 1, steps(1, 1), attempt=1)

    registry.commit()

    with pytest.raises(FencedError):
        registry.append(run, 1, steps(1, 2), attempt=1)


def test_what_a_trainer_has_sent_is_written_before_another_begins(
    registry: GroupingRegistry,
) -> None:
    run = begun(registry)
    registry.append(run, 1, steps(1, 3), attempt=1)

    assert registry.begin_attempt(run, "elsewhere").known_seq == 3


def test_where_there_is_no_room_every_trainer_is_told_and_sends_again(
    registry: GroupingRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [begun(registry), begun(registry)]

    def full(*_: object, **__: object) -> None:
        raise NoRoomError("no room left")

    with monkeypatch.context() as patch:
        patch.setattr(registry, "append_many", full)
        for run in runs:
            registry.append(run, 1, steps(1, 2), attempt=1)
        registry.commit()
    for run in runs:
        with pytest.raises(NoRoomError):
            registry.append(run, 1, steps(1, 2), attempt=1)
        registry.append(run, 1, steps(1, 2), attempt=1)
    registry.commit()

    assert [seqs(registry, run) for run in runs] == [[1, 2], [1, 2]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@settings(max_examples=25)  # each opens a database, some of them often
@given(deeds=st.lists(st.sampled_from(["make", "send", "commit", "restart"]), max_size=40))
def test_whoever_sends_what_is_not_durable_again_loses_nothing(
    home: Path, deeds: list[str]
) -> None:
    registry = GroupingRegistry(home, schedule=Commits())
    run = begun(registry)
    made = durable = 0
    for deed in [*deeds, "send", "commit", "send"]:
        match deed:
            case "make":
                made += 1
            case "send":
                ack = registry.append(run, durable + 1, steps(durable + 1, made), attempt=1)
                durable = max(durable, ack.durable_seq)
            case "commit":
                registry.commit()
            case "restart":
                registry.close()
                registry = GroupingRegistry(home, schedule=Commits())

    found = seqs(registry, run)
    registry.close()
    assert found == list(range(1, made + 1))
    assert durable == made
