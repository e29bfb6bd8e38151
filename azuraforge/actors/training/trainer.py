"""The Trainer: a spec in, the numbered events of its run out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from azuraforge.actors.resolve import resolve
from azuraforge.actors.training.execution import Execution
from azuraforge.actors.training.held import Held
from azuraforge.actors.training.interventions import Interventions
from azuraforge.engine.nn import Module
from azuraforge.engine.train import Loop
from azuraforge.errors import RefusedError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import (
    EpochFinished,
    Event,
    Metrics,
    RunFailed,
    RunFinished,
    Telemetry,
)
from azuraforge.schema.records import Attempt
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import BlobStore, MemoryBlobs


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run in this process ended: its best model, and what is known of it."""

    state: Literal["finished", "stopped"]
    model: Module  # with the weights of the best epoch; of the last step where none has ended
    best_epoch: int
    validation: Metrics
    test: Metrics  # empty where the run was stopped
    epochs: list[EpochFinished]


class Trainer:
    """Trains what a spec says; iterate it for the events of the run, in the journal's order.

    With an `attempt` it goes on with a run that has a journal: from the newest of its checkpoints
    that can be read, through the interventions there were, giving the very events the journal
    holds from there on; its checkpoints are written beside the training. One that `repeats` does
    so only to be compared: it goes on where code, data or machine are others, and `differs` says
    in what. `threads` are those of the spec unless others are given, which is such a difference.
    `seq` is the number of the latest event given. `clock` (seconds) serves telemetry alone.

    Raises: NotFoundError, PluginError, ConfigError, DeviceError for a spec that cannot be run;
            RefusedError for a version of the plugin that is not installed.
    """

    def __init__(
        self,
        spec: RunSpec,
        *,
        blobs: BlobStore | None = None,
        attempt: Attempt | None = None,
        threads: int | None = None,
        repeats: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolved = resolve(spec)
        self.spec = self._resolved[0]
        self._blobs = blobs if blobs is not None else MemoryBlobs()
        self._attempt = attempt
        self._threads = threads
        self._repeats = repeats
        self._clock = clock
        self._interventions = Interventions(attempt)
        self._execution: Execution | None = None
        self.seq = 0

    def ask(self, asked: Command | Request) -> None:
        """Have something done between two steps; may be called from another thread."""
        self._interventions.ask(asked)

    def stop(self, reason: str) -> None:
        """Ask for an end after the present step; a run that is asked in its last step finishes."""
        self.ask(Command(name="stop", reason=reason))

    def run(self, on_event: Callable[[Event], None] | None = None) -> RunResult:
        """Train to the end in this process. Raises: what the run failed of."""
        events = []
        for event in self:
            events.append(event)
            if on_event is not None:
                on_event(event)
        loop = self.loop
        if loop.best_weights:
            loop.model.load_state_dict(loop.best_weights)
        last = events[-1]
        return RunResult(
            state="finished" if isinstance(last, RunFinished) else "stopped",
            model=loop.model,
            best_epoch=loop.best_epoch,
            validation=loop.best_validation,
            test=last.test if isinstance(last, RunFinished) else {},
            epochs=[event for event in events if isinstance(event, EpochFinished)],
        )

    @property
    def loop(self) -> Loop:
        """What is trained, as it stands. Raises: RefusedError before the first event."""
        return self._begun.loop

    @property
    def differs(self) -> list[str]:
        """What is not as the run began with it, where the attempt accepts that."""
        return self._execution.differs if self._execution else []

    @property
    def telemetry(self) -> Telemetry | None:
        """How the run goes just now; None before its first step, unless there is a note."""
        execution = self._execution  # once: the thread that trains puts another there
        if execution is None:
            return None
        pace, note = execution.pace, execution.note
        if pace is None:
            idle = Telemetry(step=0, elapsed_s=0.0, samples_per_s=0.0, eta_s=0.0, note=note)
            return idle if note else None
        elapsed = max(self._clock() - pace.began, 1e-9)
        return Telemetry(
            step=pace.step,
            elapsed_s=elapsed,
            samples_per_s=pace.rows / elapsed,
            eta_s=(pace.steps - pace.step) * elapsed / pace.done,
            note=note,
        )

    def __iter__(self) -> Iterator[Event]:
        """The events of the run; one that fails ends with RunFailed, then raises its error.

        An event is given when every checkpoint before it is durable; training goes on meanwhile.

        Raises: RefusedError where code, data or machine are not those the run began with.
        """
        self.seq, self._execution = 0, None
        try:
            self._execution = Execution(
                self._resolved,
                self._blobs,
                self._attempt,
                self._interventions,
                self._clock,
                threads=self._threads,
                repeats=self._repeats,
            )
            yield from self._given(self._execution)
        except Exception as error:  # a plugin may raise anything; none of it is swallowed
            yield from self._failed(error)
            raise

    def _given(self, execution: Execution) -> Iterator[Event]:
        held = execution.held
        for made in execution.events():
            if made is not None:
                held.add(made)
            yield from self._numbered(held.ready(wait=made is None), held)
        yield from self._numbered(held.ready(wait=True), held)

    def _numbered(self, events: Iterator[Event], held: Held) -> Iterator[Event]:
        for event in events:
            self.seq = held.given
            yield event

    def _failed(self, error: Exception) -> Iterator[Event]:
        """What was made before the error, and that the run failed of it."""
        execution = self._execution
        if execution is not None:
            yield from self._numbered(execution.held.sound(), execution.held)
        if not self.seq and self._attempt and self._attempt.known_seq:
            return  # it could not go on: what its journal holds is as true as before
        self.seq += 1
        step = execution.loop.step if execution else 0
        yield RunFailed(step=step, kind=type(error).__name__, error=str(error))

    @property
    def _begun(self) -> Execution:
        if self._execution is None:
            raise RefusedError("this Trainer has not begun; iterate it for its events first")
        return self._execution
