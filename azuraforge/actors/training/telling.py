"""What a training loop tells, as the events of a journal."""

from __future__ import annotations

import math
from collections.abc import Callable

from azuraforge.actors.training.digest import digest
from azuraforge.engine.train import (
    EarlyStop,
    Epoch,
    Happening,
    LayerStatistics,
    Loop,
    Step,
    Validation,
)
from azuraforge.errors import NonFiniteError
from azuraforge.plugin import Task
from azuraforge.schema import events
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    Metrics,
    RunStarted,
    StepFinished,
    ValidationFinished,
)
from azuraforge.schema.provenance import Provenance
from azuraforge.schema.specs import RunSpec, spec_hash


def started(spec: RunSpec, task: Task, loop: Loop, provenance: Provenance) -> RunStarted:
    """The run as it is about to begin."""
    return RunStarted(
        spec_hash=spec_hash(spec),
        model=spec.model or task.name,
        monitor=task.monitor,
        mode=task.mode,
        parameters=sum(math.prod(p.shape) for p in task.model.parameters()),
        samples={
            "train": len(task.train),
            "validation": len(task.validation),
            "test": len(task.test),
        },
        epochs=loop.epochs,
        steps=loop.steps,
        threads=spec.threads,
        unit=task.unit,
        provenance=provenance,
    )


def event_of(happened: Happening, loop: Loop) -> Event:
    """What happened in the loop. Raises: NonFiniteError for a metric that is NaN or Inf."""
    match happened:
        case Step():
            return StepFinished(
                step=happened.step,
                epoch=happened.epoch,
                loss=happened.loss,
                lr=happened.lr,
                grad_norm=happened.grad_norm,
                metrics=finite(happened.metrics, f"step {happened.step}"),
                digest=digest(loop.model),
            )
        case LayerStatistics():
            for layer, statistics in happened.layers.items():
                finite(statistics, f"step {happened.step}, {layer}")
            return events.LayerStatistics(step=happened.step, layers=happened.layers)
        case Validation():
            return ValidationFinished(
                step=happened.step,
                epoch=happened.epoch,
                validation=finite(happened.validation, f"step {happened.step}, validation"),
                is_best=happened.is_best,
            )
        case EarlyStop():
            return Intervened(step=happened.step, command="early-stop", reason=happened.reason)
        case Epoch():
            where = f"epoch {happened.epoch}"
            return EpochFinished(
                epoch=happened.epoch,
                step=happened.step,
                train=finite(happened.train, f"{where}, training"),
                validation=finite(happened.validation, f"{where}, validation"),
                is_best=happened.is_best,
            )


def saved(loop: Loop) -> Callable[[str], CheckpointSaved]:
    """What tells that the loop as it stands is durable, once the blob has its name."""
    step, epoch = loop.step, math.ceil(loop.step / loop.steps_per_epoch)
    return lambda sha256: CheckpointSaved(step=step, epoch=epoch, sha256=sha256)


def finite(metrics: Metrics, where: str) -> Metrics:
    """The metrics themselves. Raises: NonFiniteError naming the first that is NaN or Inf."""
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise NonFiniteError(f"{where}: the metric {name!r} is {value}")
    return metrics
