"""A run's record as its journal tells it: event by event, nothing else known."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    LayerStatistics,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
    ValidationFinished,
)
from azuraforge.schema.records import RunRecord


def folded(record: RunRecord, event: Event, at: float) -> RunRecord:
    """The record after its next event, which was written down at the time `at`."""
    return structs.replace(record, last_seq=record.last_seq + 1, **_changes(record, event, at))


def _changes(record: RunRecord, event: Event, at: float) -> dict[str, Any]:
    match event:
        case RunStarted():
            return {
                "state": "running",
                "started_at": at,
                "steps": event.steps,
                "epochs": event.epochs,
                "monitor": event.monitor,
                "mode": event.mode,
                "model": event.model,
            }
        case StepFinished():
            return {"step": event.step, "epoch": event.epoch}
        case EpochFinished():
            best = {"metrics": event.validation} if event.is_best else {}
            return {"step": event.step, "epoch": event.epoch, **best}
        case CheckpointSaved():
            return {"checkpoint": event.sha256}
        case Intervened(command="pause", refused=""):
            return {"state": "paused"}
        case Intervened(command="resume" | "step", refused=""):
            return {"state": "running"}
        case Intervened() | LayerStatistics():
            return {}
        case ValidationFinished():
            return {"metrics": event.validation} if event.is_best else {}
        case RunFinished():
            end = {"state": "finished", "ended_at": at, "step": event.step}
            return {**end, "metrics": event.validation, "test": event.test}
        case RunFailed():
            error = f"{event.kind}: {event.error}"
            return {"state": "failed", "ended_at": at, "step": event.step, "error": error}
        case RunStopped():
            kept = event.checkpoint or record.checkpoint
            return {"state": "stopped", "ended_at": at, "step": event.step, "checkpoint": kept}
