"""What a config's options for training lead to in the journal, and that a resume repeats it."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

import pytest

from azuraforge.actors.training.trainer import Trainer
from azuraforge.errors import NonFiniteError
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    LayerStatistics,
    RunFinished,
    RunStarted,
    StepFinished,
    ValidationFinished,
)
from azuraforge.schema.records import Attempt, Checkpoint
from azuraforge.schema.specs import CheckpointPolicy, RunSpec
from azuraforge.store.blobs import MemoryBlobs

E = TypeVar("E")
EVERYTHING = {
    "optim": {"name": "adamw", "lr": 0.05},
    "schedule": {"name": "cosine", "warmup_steps": 2, "min_factor": 0.1},
    "training": {
        "epochs": 9,
        "batch_size": 4,
        "accumulate": 2,
        "clip_norm": 0.5,
        "ema": 0.5,
        "patience": 2,
        "min_delta": 0.5,
        "validate_every": 2,
        "statistics_every": 3,
    },
}


def spec(config: dict[str, Any], **options: Any) -> RunSpec:
    return RunSpec(plugin="tiny", config=config, **options)


def events_of(spec: RunSpec, **options: Any) -> list[Event]:
    return list(Trainer(spec, **options))


def of(kind: type[E], events: list[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def test_a_run_with_every_option_tells_all_that_its_loop_does() -> None:
    events = events_of(spec(EVERYTHING))

    (begun,) = of(RunStarted, events)
    assert begun.steps == 9 * 3  # 20 rows: two batches of four, two, and one
    steps, epochs = of(StepFinished, events), of(EpochFinished, events)
    assert [s.step for s in of(LayerStatistics, events)] == [s.step for s in steps][2::3]
    assert [v.step for v in of(ValidationFinished, events)] == [
        s.step for s in steps if s.step % 2 == 0 and s.step % 3
    ]
    assert [s.lr for s in steps[:3]] == [0.025, 0.05, 0.05]
    assert {c.epoch for c in of(CheckpointSaved, events)} == {e.epoch for e in epochs}
    assert max(Counter(s.epoch for s in steps).values()) == 3


def test_a_run_that_ends_early_says_so_and_is_finished_with_its_best_weights() -> None:
    events = events_of(spec(EVERYTHING))

    *_, stop, last = events
    assert isinstance(stop, Intervened)
    assert (stop.command, stop.request) == ("early-stop", None)
    assert "2 epochs brought no better validation loss" in stop.reason
    assert isinstance(last, RunFinished)
    assert last.step == stop.step < 9 * 3
    best = min(
        event.validation["loss"]
        for event in events
        if isinstance(event, EpochFinished | ValidationFinished)
    )
    assert last.validation["loss"] == best


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_run_with_every_option_goes_on_from_each_checkpoint_to_the_same_end(
    precision: str,
) -> None:
    blobs = MemoryBlobs()
    run = spec(EVERYTHING, precision=precision, checkpoint=CheckpointPolicy(every_steps=1))
    expected = events_of(run, blobs=blobs)
    saved = [(n, e) for n, e in enumerate(expected, 1) if isinstance(e, CheckpointSaved)]
    assert len(saved) > 10

    for number, event in saved:
        kept = Checkpoint(seq=number, step=event.step, epoch=event.epoch, sha256=event.sha256)
        attempt = Attempt(
            run="r",
            number=2,
            spec=run,
            known_seq=number,
            checkpoints=[kept],
            requests=[],
            journal=[],
        )
        assert events_of(run, blobs=blobs, attempt=attempt) == expected[number - 1 :]


def test_statistics_that_are_no_numbers_end_the_run_before_they_are_told() -> None:
    config = {"optim": {"lr": 100.0}, "training": {"statistics_every": 1, "epochs": 200}}
    told = []

    with pytest.raises(NonFiniteError, match=r"^step \d+"):
        told.extend(Trainer(spec(config)))

    numbers = [
        value
        for statistics in of(LayerStatistics, told)
        for layer in statistics.layers.values()
        for value in layer.values()
    ]
    assert numbers
    assert all(abs(value) < float("inf") for value in numbers)
