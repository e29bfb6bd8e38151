"""Journals that tests write down."""

from __future__ import annotations

from azuraforge.schema.events import (
    EpochFinished,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
    ValidationFinished,
)


def whole_run() -> list[Event]:
    """Every kind of event that tells numbers, from the start of a run to its end."""
    return [
        RunStarted(
            spec_hash="0" * 64, model="digits", monitor="loss", mode="min", parameters=10,
            samples={"train": 8, "validation": 1, "test": 1}, epochs=1, steps=2, threads=1,
        ),
        StepFinished(step=1, epoch=1, loss=2.5, lr=0.1, grad_norm=1.5, metrics={"accuracy": 0.25}),
        ValidationFinished(step=1, epoch=1, validation={"loss": 2.25}, is_best=True),
        StepFinished(step=2, epoch=1, loss=1.5, lr=0.1, grad_norm=1.25, metrics={"accuracy": 0.5}),
        EpochFinished(
            epoch=1, step=2, train={"loss": 2.0}, validation={"loss": 1.75}, is_best=True
        ),
        RunFinished(
            step=2, best_epoch=1, validation={"loss": 1.75}, test={"loss": 1.875}, weights="a" * 64
        ),
    ]  # fmt: skip
