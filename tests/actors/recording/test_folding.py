from __future__ import annotations

import pytest
from msgspec import structs

from azuraforge.actors.recording.folding import folded
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Intervened,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
)
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec

QUEUED = RunRecord(id="r", spec=RunSpec(plugin="images"), state="queued", created_at=1.0)
STARTED = RunStarted(
    spec_hash="0",
    model="digits",
    monitor="accuracy",
    mode="max",
    parameters=10,
    samples={"train": 8, "validation": 1, "test": 1},
    epochs=2,
    steps=20,
    threads=1,
)
RUNNING = folded(QUEUED, STARTED, 2.0)


def changes(event, record: RunRecord = RUNNING) -> dict[str, object]:
    """What the event changes of a record, besides the number of the last event."""
    before, after = structs.asdict(record), structs.asdict(folded(record, event, at=9.0))
    assert after.pop("last_seq") == before["last_seq"] + 1
    return {key: value for key, value in after.items() if value != before[key]}


def test_a_started_run_is_running_and_knows_how_far_it_goes():
    assert changes(STARTED, QUEUED) == {
        "state": "running",
        "started_at": 9.0,
        "epochs": 2,
        "steps": 20,
        "monitor": "accuracy",
        "mode": "max",
        "model": "digits",
    }


def test_a_step_moves_step_and_epoch():
    step = StepFinished(step=11, epoch=2, loss=0.5, lr=0.1, grad_norm=1.0)

    assert changes(step) == {"step": 11, "epoch": 2}


@pytest.mark.parametrize("is_best", [True, False])
def test_an_epoch_brings_its_validation_metrics_where_it_is_the_best_so_far(is_best):
    epoch = EpochFinished(
        epoch=1, step=10, train={"loss": 1.0}, validation={"accuracy": 0.9}, is_best=is_best
    )

    best = {"metrics": {"accuracy": 0.9}} if is_best else {}
    assert changes(epoch) == {"step": 10, "epoch": 1, **best}


def test_a_checkpoint_is_remembered_by_its_hash():
    assert changes(CheckpointSaved(step=10, epoch=1, sha256="ab")) == {"checkpoint": "ab"}


def test_an_intervention_changes_nothing_by_itself():
    assert changes(Intervened(step=3, command="stop", reason="enough")) == {}


def test_a_finished_run_has_the_metrics_of_its_best_model():
    end = RunFinished(
        step=20, best_epoch=1, validation={"accuracy": 0.9}, test={"accuracy": 0.8}, weights="cd"
    )

    assert changes(end) == {
        "state": "finished",
        "ended_at": 9.0,
        "step": 20,
        "metrics": {"accuracy": 0.9},
        "test": {"accuracy": 0.8},
    }


def test_a_failed_run_says_why_even_before_it_started():
    failed = RunFailed(step=0, kind="DataError", error="column 'close' is missing")

    assert changes(failed, QUEUED) == {
        "state": "failed",
        "ended_at": 9.0,
        "error": "DataError: column 'close' is missing",
    }


def test_a_stopped_run_keeps_its_last_checkpoint():
    saved = folded(RUNNING, CheckpointSaved(step=10, epoch=1, sha256="ab"), at=3.0)

    without = changes(RunStopped(step=12, reason="enough"), saved)
    with_another = changes(RunStopped(step=12, reason="enough", checkpoint="cd"), saved)

    assert without == {"state": "stopped", "ended_at": 9.0, "step": 12}
    assert with_another == {**without, "checkpoint": "cd"}
