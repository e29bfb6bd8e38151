"""A run whose journal a row writes itself, and what must be true of it whatever happened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from azuraforge.actors.recording.registry import Registry
from azuraforge.schema.events import Event, RunFinished, RunStarted, StepFinished
from azuraforge.schema.specs import RunSpec, spec_hash

SPEC = RunSpec(plugin="chaos")
STEPS = 1_000_000


def new_run(home: Path) -> str:
    """A run in this home, made if need be, that nobody trains; its id."""
    home.mkdir(exist_ok=True)
    registry = Registry(home)
    run = registry.create_run(SPEC).id
    registry.close()
    return run


def events(first: int, count: int) -> list[Event]:
    """The events of the run numbered from `first`, the same ones every time."""
    return [_event(seq) for seq in range(first, first + count)]


def finished(step: int) -> RunFinished:
    """The end of a run after this step."""
    loss = {"loss": 1 / step}
    return RunFinished(step=step, best_epoch=1, validation=loss, test=loss, weights="0" * 64)


def held(home: Path, run: str) -> list[Event]:
    """What the journal of the run holds, read by an own connection."""
    registry = Registry(home)
    try:
        found: list[Event] = []
        while more := registry.events(run, after=len(found)):
            found += [entry.event for entry in more]
        return found
    finally:
        registry.close()


def broken(found: Sequence[Event], acknowledged: int) -> str:
    """What is wrong with a journal whose events up to `acknowledged` were; "" where nothing is."""
    if len(found) < acknowledged:
        return f"events up to {acknowledged} were acknowledged, and {len(found)} are there"
    for seq, (one, other) in enumerate(zip(found, events(1, len(found)), strict=True), 1):
        if one != other:
            return f"event {seq} is {one}, and was written as {other}"
    return ""


def _event(seq: int) -> Event:
    if seq == 1:
        return RunStarted(
            spec_hash=spec_hash(SPEC),
            model="chaos",
            monitor="loss",
            mode="min",
            parameters=1,
            samples={"train": STEPS, "validation": 1, "test": 1},
            epochs=1,
            steps=STEPS,
            threads=1,
        )
    return StepFinished(step=seq - 1, epoch=1, loss=1 / seq, lr=0.1, grad_norm=float(seq))
