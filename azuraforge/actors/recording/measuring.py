"""The numbers that events and telemetry hold, as points of series."""

from __future__ import annotations

from collections.abc import Iterator

from azuraforge.schema.events import (
    EpochFinished,
    Event,
    LayerStatistics,
    Metrics,
    RunFinished,
    StepFinished,
    Telemetry,
    ValidationFinished,
)
from azuraforge.store.metrics import Point

MEASURED = ("samples_per_s", "cpu_percent", "memory_bytes", "gpu_memory_bytes")


def points(event: Event, at: float) -> Iterator[Point]:
    """The event's numbers, by kind and name: `step/loss`, `validation/accuracy`."""
    match event:
        case StepFinished(step=step):
            yield Point("step/loss", step, event.loss, at)
            yield Point("step/lr", step, event.lr, at)
            yield Point("step/grad_norm", step, event.grad_norm, at)
            yield from _named("step", event.metrics, step, at)
        case ValidationFinished(step=step):
            yield from _named("validation", event.validation, step, at)
        case EpochFinished(step=step):
            yield from _named("train", event.train, step, at)
            yield from _named("validation", event.validation, step, at)
        case LayerStatistics(step=step):
            for layer, statistics in event.layers.items():
                yield from _named(f"layers/{layer}", statistics, step, at)
        case RunFinished(step=step):
            yield from _named("test", event.test, step, at)


def pace(telemetry: Telemetry, at: float) -> list[Point]:
    """What was measured of the machine: `telemetry/samples_per_s` and so on; 0 is unknown."""
    values = [(name, float(getattr(telemetry, name))) for name in MEASURED]
    return [
        Point(f"telemetry/{name}", telemetry.step, value, at) for name, value in values if value
    ]


def _named(kind: str, metrics: Metrics, step: int, at: float) -> Iterator[Point]:
    for name, value in metrics.items():
        yield Point(f"{kind}/{name}", step, float(value), at)
