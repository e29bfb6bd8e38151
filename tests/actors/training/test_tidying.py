from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.training.tidying import AGE_S, Tidying
from azuraforge.schema.events import CheckpointSaved, RunStarted, StepFinished
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import MemoryBlobs
from tests.conftest import Clock

STARTED = RunStarted(
    spec_hash="0",
    model="m",
    monitor="loss",
    mode="min",
    parameters=1,
    samples={},
    epochs=1,
    steps=9,
    threads=1,
)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(tmp_path)) as registry:
        yield registry


def run_with_checkpoints(registry: Registry, blobs: MemoryBlobs, count: int) -> list[str]:
    """The blobs of a run that keeps the last two."""
    run = registry.create_run(RunSpec(plugin="tiny")).id
    names = [blobs.put(f"checkpoint {number}".encode()) for number in range(count)]
    events = [STARTED]
    for number, name in enumerate(names, 1):
        events.append(StepFinished(step=number, epoch=1, loss=1.0, lr=1.0, grad_norm=1.0))
        events.append(CheckpointSaved(step=number, epoch=1, sha256=name))
    registry.append(run, 1, events)
    return names


def test_checkpoints_that_are_not_kept_go_once_they_are_old_enough(
    registry: Registry, clock: Clock
) -> None:
    blobs = MemoryBlobs(clock)
    names = run_with_checkpoints(registry, blobs, 5)
    weights = blobs.put(b"of somebody else")
    tidying = Tidying(registry, blobs, clock)

    tidying.tidy()
    young = [name in blobs for name in names]
    clock.advance(AGE_S + 1)
    tidying.tidy()

    assert young == [True] * 5
    assert [name in blobs for name in names] == [False] * 3 + [True] * 2
    assert weights in blobs


def test_a_checkpoint_that_a_fork_keeps_stays(registry: Registry, clock: Clock) -> None:
    blobs = MemoryBlobs(clock)
    names = run_with_checkpoints(registry, blobs, 2)
    parent = registry.runs()[0].id
    registry.fork(parent, 1)
    more = [StepFinished(step=3, epoch=1, loss=1.0, lr=1.0, grad_norm=1.0)]
    for number in (3, 4):
        name = blobs.put(f"later {number}".encode())
        more.append(CheckpointSaved(step=number, epoch=1, sha256=name))
    registry.append(parent, 6, more)
    clock.advance(AGE_S + 1)

    Tidying(registry, blobs, clock).tidy()

    assert [name in blobs for name in names] == [True, False]
