"""A run as its screen shows it, folded from events by pure functions.

`fold(view, items)` gives the view after the items; the same items in any portions, repeated
after a reconnect or not, give the same view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    JournalEntry,
    LayerStatistics,
    Metrics,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
    Telemetry,
    ValidationFinished,
)
from azuraforge.schema.records import RunState
from azuraforge_tui.series import Series

Curves = Mapping[str, Series]


@dataclass(frozen=True, kw_only=True)
class RunView:
    """What is known of a run from its events."""

    run: str
    seq: int = 0
    missed: int = 0  # events that were announced by a gap in the numbers and never came
    state: RunState = "queued"
    start: RunStarted | None = None
    step: int = 0
    epoch: int = 0
    train: Curves = field(default_factory=dict)  # metric -> values after each step
    means: Curves = field(default_factory=dict)  # metric -> mean over each epoch's batches
    validation: Curves = field(default_factory=dict)  # metric -> values after each epoch
    epochs: tuple[EpochFinished, ...] = ()
    best: EpochFinished | None = None
    telemetry: Telemetry | None = None
    checkpoint: CheckpointSaved | None = None
    stopping: str | None = None  # the reason somebody gave
    interventions: tuple[Intervened, ...] = ()  # that had an effect
    end: RunFinished | RunFailed | RunStopped | None = None

    @property
    def steps(self) -> int:
        """Steps in the whole run; 0 before it has said how many."""
        return self.start.steps if self.start else 0

    @property
    def fraction(self) -> float:
        """How much of the run is done, from 0 to 1."""
        return min(1.0, self.step / self.steps) if self.steps else 0.0

    @property
    def metrics(self) -> list[str]:
        """Names of the curves, `loss` first, then the monitored one, then the others."""
        monitored = [self.start.monitor] if self.start else []
        return list(dict.fromkeys(["loss", *monitored, *self.validation, *self.train, *self.means]))


def fold(view: RunView, items: Iterable[JournalEntry | Telemetry]) -> RunView:
    """The view after these items."""
    return reduce(_after, items, view)


def _after(view: RunView, item: JournalEntry | Telemetry) -> RunView:
    if isinstance(item, Telemetry):
        return replace(view, telemetry=item)
    if item.seq <= view.seq:
        return view  # seen before a reconnect
    missed = view.missed + item.seq - view.seq - 1
    return _after_event(replace(view, seq=item.seq, missed=missed), item.event)


def _after_event(view: RunView, event: Event) -> RunView:
    match event:
        case StepFinished():
            values = {"loss": event.loss, **event.metrics}
            return replace(
                view,
                step=event.step,
                epoch=event.epoch,
                train=_appended(view.train, event.step, values),
            )
        case EpochFinished():
            return replace(
                view,
                step=event.step,
                epoch=event.epoch,
                means=_appended(view.means, event.step, event.train),
                validation=_appended(view.validation, event.step, event.validation),
                epochs=(*view.epochs, event),
                best=event if event.is_best else view.best,
            )
        case RunStarted():
            return replace(view, state="running", start=event)
        case CheckpointSaved():
            return replace(view, checkpoint=event)
        case Intervened():
            return _after_intervention(view, event)
        case ValidationFinished():
            return replace(
                view, validation=_appended(view.validation, event.step, event.validation)
            )
        case LayerStatistics():
            return view  # too many to draw beside the metrics
        case RunFinished():
            return replace(view, state="finished", step=event.step, end=event)
        case RunFailed():
            return replace(view, state="failed", step=event.step, end=event)
        case RunStopped():
            return replace(view, state="stopped", step=event.step, end=event)


def _after_intervention(view: RunView, event: Intervened) -> RunView:
    if event.refused:
        return view
    view = replace(view, interventions=(*view.interventions, event))
    match event.command:
        case "stop" | "early-stop":
            return replace(view, stopping=event.reason or event.command)
        case "pause":
            return replace(view, state="paused")
        case "resume" | "step":
            return replace(view, state="running")
        case _:
            return view


def _appended(curves: Curves, step: int, values: Metrics) -> Curves:
    longer = {
        name: curves.get(name, Series.empty()).plus(step, value) for name, value in values.items()
    }
    return {**curves, **longer}
