"""What the screen of a run says in words: pure functions of what is known of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from textual.content import Content

from azuraforge.schema.events import Intervened, Metrics, RunFailed, RunFinished, RunStopped
from azuraforge.schema.records import RunRecord, RunState
from azuraforge_tui.format import number, plain, span, state
from azuraforge_tui.state import RunView
from azuraforge_tui.theme import STATE_VARIABLES
from azuraforge_tui.widgets.lines import Progress

MOST_TOLD = 8  # interventions, the latest


def state_of(view: RunView, record: RunRecord | None) -> RunState:
    """The state: what the events say, where they do not lag behind the record."""
    return record.state if record is not None and view.end is None else view.state


def progress(view: RunView, record: RunRecord | None, now_s: float) -> Progress:
    """How far the run is, how fast it goes, when it will be done."""
    of = state_of(view, record)
    if view.start is None:
        words = ["waits to be started" if of == "queued" else "has not begun to train"]
    else:
        words = [f"step {view.step:,}/{view.steps:,}", f"epoch {view.epoch}/{view.start.epochs}"]
    if view.telemetry is not None and of == "running":
        unit = view.start.unit if view.start else "samples"
        if view.telemetry.samples_per_s:
            words.append(f"{number(view.telemetry.samples_per_s)} {unit}/s")
            words.append(f"ETA {span(view.telemetry.eta_s)}")
        if view.telemetry.note:
            words.append(view.telemetry.note)
    took = _took(record, now_s)
    if took is not None and of != "running":
        words.append(f"took {span(took)}")
    if view.stopping is not None and of == "running":
        words.append("stopping")
    if view.missed:
        words.append(f"! {view.missed} events missed")
    return Progress(view.fraction, " · ".join(words))


def outcome(view: RunView, record: RunRecord | None) -> Content | None:
    """How the run ended, with its results or its error; None while it goes on."""
    match view.end:
        case RunFinished(test=test, best_epoch=best):
            words = f"best epoch {best} · test: {metrics(test, _monitor(view))}"
            if record is not None and record.model_version is not None:
                words += f" · registered as {record.model} version {record.model_version}"
            return _ended("finished", words)
        case RunFailed(step=step, kind=kind, error=error):
            return _ended("failed", f"at step {step:,} with {kind}: {error}")
        case RunStopped(step=step, reason=reason, checkpoint=checkpoint):
            kept = "its last checkpoint is kept" if checkpoint else "it has no checkpoint yet"
            return _ended("stopped", f"at step {step:,}: {reason} · {kept}")
    return None


def details(view: RunView, record: RunRecord | None) -> Content:
    """The run's set-up, a line for each thing: what it trains, on what, with which config."""
    rows: list[tuple[str, str]] = []
    if view.best is not None:
        rows.append(("best epoch", f"{view.best.epoch}"))
        rows += [(f"  {name}", number(value)) for name, value in view.best.validation.items()]
    if view.start is not None:
        start = view.start
        rows.append(("decided by", f"{start.mode} {start.monitor}"))
        rows.append(("parameters", f"{start.parameters:,}"))
        rows.append((start.unit, ""))
        rows += [(f"  {split}", f"{count:,}") for split, count in start.samples.items()]
    if view.checkpoint is not None:
        rows.append(("checkpoint", f"step {view.checkpoint.step:,}"))
    rows += [(f"after step {e.step:,}", intervention(e)) for e in view.interventions[-MOST_TOLD:]]
    if record is not None:
        rows += [("seed", str(record.spec.seed)), ("device", record.spec.device)]
        rows += [(path, plain(value)) for path, value in _flat(record.spec.config)]
    width = max([len(label) for label, _ in rows], default=0)
    return Content("\n").join(
        Content.assemble((f"{label:<{width}}", "$quiet"), f"  {value}") for label, value in rows
    )


def intervention(event: Intervened) -> str:
    """What was done to the run, in words, and why."""
    match event.command:
        case "set":
            words = f"{event.path} = {plain(event.value)}"
        case "step":
            words = f"{event.value} steps"
        case "rollback":
            words = f"back to step {event.value}"
        case other:
            words = other
    return f"{words} ({event.reason})" if event.reason else words


def metrics(values: Metrics, first: str) -> str:
    """The values by name, the one that decides first."""
    return _told({name: values[name] for name in sorted(values, key=lambda name: name != first)})


def _ended(of: RunState, words: str) -> Content:
    return Content.assemble((state(of), f"bold ${STATE_VARIABLES[of]}"), f"  {words}")


def _told(values: Metrics) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def _monitor(view: RunView) -> str:
    return view.start.monitor if view.start else "loss"


def _took(record: RunRecord | None, now_s: float) -> float | None:
    if record is None or record.started_at is None:
        return None
    return (record.ended_at or now_s) - record.started_at


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
