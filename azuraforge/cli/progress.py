"""How a run goes, told to a person: events and telemetry in, lines out.

On a terminal one live line is redrawn in place and every epoch leaves a row; elsewhere there are
only the rows, without control characters. Clock, stream and width are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TextIO

from azuraforge.cli.table import duration, number
from azuraforge.schema.events import (
    EpochFinished,
    Event,
    Intervened,
    JournalEntry,
    RunStarted,
    StepFinished,
    Telemetry,
)

REDRAW_S = 0.1  # ten frames a second: more is not read, and costs more over SSH
BASELINES = ("persistence_", "majority_")  # metrics of a model that learns nothing
ERASE = "\r\x1b[K"
BAR_WIDTH = 20


class Progress:
    """The lines of one run, written to `stream`."""

    def __init__(
        self,
        stream: TextIO,
        *,
        live: bool,
        clock: Callable[[], float],
        width: Callable[[], int],
        quiet: bool = False,
    ) -> None:
        self._stream = stream
        self._live = live and not quiet
        self._quiet = quiet
        self._clock = clock
        self._width = width
        self._started: RunStarted | None = None
        self._telemetry: Telemetry | None = None
        self._noted = ""
        self._drawn_at: float | None = None
        self._is_drawn = False

    def on(self, item: JournalEntry | Telemetry) -> None:
        """Tell what this says, if it says something new to a reader."""
        if isinstance(item, Telemetry):
            self._on_telemetry(item)
        else:
            self._on_event(item.event)

    def note(self, text: str) -> None:
        """A line that stays."""
        if self._quiet:
            return
        self.close()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Take the live line away."""
        if self._is_drawn:
            self._stream.write(ERASE)
            self._stream.flush()
            self._is_drawn = False

    def _on_event(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._started = event
                self.note(heading(event))
            case StepFinished() if self._live and self._started and self._is_due():
                self._draw(live_line(event, self._started, self._telemetry, self._width()))
            case EpochFinished() if self._started:
                self.note(epoch_row(event, self._started, self._telemetry))
            case Intervened():
                self.note(
                    f"{event.command} asked for ({event.reason}), done after step {event.step:,}"
                )

    def _on_telemetry(self, telemetry: Telemetry) -> None:
        if telemetry.note not in ("", self._noted):
            self._noted = telemetry.note
            self.note(telemetry.note)
        if telemetry.samples_per_s:
            self._telemetry = telemetry

    def _is_due(self) -> bool:
        return self._drawn_at is None or self._clock() - self._drawn_at >= REDRAW_S

    def _draw(self, line: str) -> None:
        self._drawn_at = self._clock()
        self._is_drawn = True
        self._stream.write(ERASE + line)
        self._stream.flush()


def heading(started: RunStarted) -> str:
    """What is about to be trained: sizes of data and model, length of the run."""
    rows = ", ".join(f"{count:,} {split}" for split, count in started.samples.items())
    return (
        f"{started.model}: {_count(started.parameters, 'parameter')}; {rows} {started.unit}; "
        f"{_count(started.epochs, 'epoch')} of {_count(started.steps // started.epochs, 'step')} "
        f"on {_count(started.threads, 'thread')}"
    )


def epoch_row(event: EpochFinished, started: RunStarted, telemetry: Telemetry | None) -> str:
    """One epoch in one line: mean training metrics, validation metrics, speed."""
    width = len(str(started.epochs))
    parts = [
        f"epoch {event.epoch:{width}}/{started.epochs}",
        "train " + _pairs(event.train, started.monitor),
        "validation " + _pairs(event.validation, started.monitor),
    ]
    if telemetry:
        parts.append(_speed(telemetry, started))
    return "  ".join(parts) + ("  best so far" if event.is_best else "")


def live_line(
    event: StepFinished, started: RunStarted, telemetry: Telemetry | None, width: int
) -> str:
    """The present step in less than `width` columns; what does not fit is left out."""
    epoch = f"epoch {event.epoch}/{started.epochs}"
    step = f"step {event.step:{len(f'{started.steps:,}')},}/{started.steps:,}"
    pairs = _pairs({"loss": event.loss, **event.metrics}, started.monitor)
    speed = _speed(telemetry, started) if telemetry else ""
    eta = f"ETA {duration(telemetry.eta_s)}" if telemetry else ""
    for parts in (  # the fullest that fits
        [epoch, _bar(event.step, started.steps), step, pairs, speed, eta],
        [epoch, step, pairs, speed, eta],
        [step, pairs, speed, eta],
        [step, pairs, eta],
        [step, eta],
    ):
        line = "  ".join(filter(None, parts))
        if len(line) < width:
            return line
    return line[: max(0, width - 1)]  # a line that wrapped could not be erased


def headline(metrics: Mapping[str, float], monitor: str) -> str | None:
    """The metric to show beside the loss: accuracy, else the monitored one, else the first."""
    shown = [key for key in metrics if key != "loss" and not key.startswith(BASELINES)]
    return next((key for key in ("accuracy", monitor, *shown[:1]) if key in shown), None)


def _pairs(metrics: Mapping[str, float], monitor: str) -> str:
    keys = [key for key in ("loss", headline(metrics, monitor)) if key in metrics]
    return " ".join(f"{key} {number(float(metrics[key]))}" for key in keys if key)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _speed(telemetry: Telemetry, started: RunStarted) -> str:
    return f"{telemetry.samples_per_s:,.0f} {started.unit}/s"


def _bar(step: int, steps: int) -> str:
    done = BAR_WIDTH * step // max(1, steps)
    return "[" + "#" * done + "." * (BAR_WIDTH - done) + "]"
