"""The tables that queries see: their columns, and their rows made of records and events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from azuraforge.schema.events import (
    EpochFinished,
    Event,
    LayerStatistics,
    RunFinished,
    StepFinished,
    ValidationFinished,
)
from azuraforge.schema.records import ModelVersion, RunRecord
from azuraforge.store.metrics import TELEMETRY, Point

if TYPE_CHECKING:
    from azuraforge.store.journal import Recorded

LAYOUT = 2  # counts up with every change here, so that files written before are written anew

TABLES: dict[str, dict[str, str]] = {  # columns and their SQL types; times are in UTC
    "runs": {
        "run": "VARCHAR", "experiment": "VARCHAR", "plugin": "VARCHAR", "state": "VARCHAR",
        "seed": "BIGINT", "device": "VARCHAR", "threads": "BIGINT", "created_at": "TIMESTAMP",
        "started_at": "TIMESTAMP", "ended_at": "TIMESTAMP", "step": "BIGINT", "steps": "BIGINT",
        "epoch": "BIGINT", "epochs": "BIGINT", "monitor": "VARCHAR", "mode": "VARCHAR",
        "best": "DOUBLE", "model": "VARCHAR", "model_version": "BIGINT", "parent": "VARCHAR",
        "parent_step": "BIGINT", "attempt": "BIGINT", "study": "VARCHAR", "error": "VARCHAR",
        "events": "BIGINT", "chain": "VARCHAR",
    },
    "params": {"run": "VARCHAR", "path": "VARCHAR", "value": "VARCHAR", "number": "DOUBLE"},
    "tags": {"run": "VARCHAR", "key": "VARCHAR", "value": "VARCHAR"},
    "models": {
        "name": "VARCHAR", "version": "BIGINT", "aliases": "VARCHAR", "run": "VARCHAR",
        "plugin": "VARCHAR", "created_at": "TIMESTAMP", "monitor": "VARCHAR", "mode": "VARCHAR",
        "validation": "DOUBLE", "test": "DOUBLE", "weights": "VARCHAR",
    },
    "events": {
        "run": "VARCHAR", "seq": "BIGINT", "type": "VARCHAR", "step": "BIGINT",
        "recorded_at": "TIMESTAMP", "event": "JSON",
    },
    "metrics": {
        "run": "VARCHAR", "seq": "BIGINT", "step": "BIGINT", "epoch": "BIGINT", "part": "VARCHAR",
        "name": "VARCHAR", "value": "DOUBLE", "recorded_at": "TIMESTAMP",
    },
}  # fmt: skip

Row = tuple[Any, ...]


def run_row(run: RunRecord) -> Row:
    """A row of `runs`."""
    spec, parent = run.spec, run.parent
    return (
        run.id, run.experiment, spec.plugin, run.state, spec.seed, spec.device, spec.threads,
        run.created_at, run.started_at, run.ended_at, run.step, run.steps, run.epoch, run.epochs,
        run.monitor, run.mode, run.metrics.get(run.monitor or ""), run.model, run.model_version,
        parent.run if parent else None, parent.step if parent else None, run.attempt, spec.study,
        run.error, run.last_seq, run.chain,
    )  # fmt: skip


def param_rows(run: RunRecord) -> Iterator[Row]:
    """Rows of `params`: a setting of its spec each, as text and, where it is one, as a number."""
    for path, value in settings(run.spec.config):
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        yield run.id, path, text, float(value) if is_number else None


def tag_rows(run: RunRecord) -> Iterator[Row]:
    """Rows of `tags`."""
    for key, value in run.tags.items():
        yield run.id, key, value


def model_row(model: ModelVersion) -> Row:
    """A row of `models`: its metrics are the monitored one, of both splits."""
    return (
        model.name, model.version, ", ".join(model.aliases), model.run, model.plugin,
        model.created_at, model.monitor, model.mode, model.validation.get(model.monitor),
        model.test.get(model.monitor), model.weights,
    )  # fmt: skip


def journal_rows(entries: Iterable[Recorded]) -> tuple[list[Row], list[Row]]:
    """Rows of `events`, and of `metrics` the numbers that these events tell."""
    told: list[Row] = []
    measured: list[Row] = []
    for entry, text, at in entries:
        run, seq, event = entry.run, entry.seq, entry.event
        step = getattr(event, "step", None)
        told.append((run, seq, event.__struct_config__.tag, step, at, text))
        epoch = getattr(event, "epoch", None)
        measured += [
            (run, seq, step, epoch, part, name, value, at) for part, name, value in _numbers(event)
        ]
    return told, measured


def point_rows(run: str, points: Iterable[tuple[int, Point]]) -> Iterator[Row]:
    """Rows of `metrics` that no event holds: of the part telemetry, or logged."""
    for source, (name, step, value, at) in points:
        part = "telemetry" if source == TELEMETRY else "logged"
        yield run, None, step, None, part, name.removeprefix("telemetry/"), value, at


def settings(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as dotted paths, in order."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _numbers(event: Event) -> Iterator[tuple[str, str, float]]:
    """Part, name and value of each number that the event tells."""
    match event:
        case StepFinished():
            own = {"loss": event.loss, "lr": event.lr, "grad_norm": event.grad_norm}
            parts = {"step": own | event.metrics}
        case ValidationFinished():
            parts = {"validation": event.validation}
        case EpochFinished():
            parts = {"train": event.train, "validation": event.validation}
        case LayerStatistics():
            each = {f"{k}/{name}": v for k, own in event.layers.items() for name, v in own.items()}
            parts = {"layers": each}
        case RunFinished():
            parts = {"best": event.validation, "test": event.test}
        case _:
            return
    for part, metrics in parts.items():
        for name, value in metrics.items():
            yield part, name, value
