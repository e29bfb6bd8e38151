"""The Trainer: a spec in, the numbered events of its run out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from azuraforge.actors.checkpoint import Checkpoint, Saver, load
from azuraforge.actors.control import Control
from azuraforge.actors.held import Held, Later
from azuraforge.actors.interventions import Interventions
from azuraforge.actors.loops import new_loop
from azuraforge.actors.provenance import provenance
from azuraforge.actors.resolve import resolve, task_generator
from azuraforge.actors.resuming import accepted, first_provenance, newest
from azuraforge.actors.telling import event_of, finite, saved, started
from azuraforge.engine.nn import Module
from azuraforge.engine.random import Generator, using
from azuraforge.engine.threads import set_threads
from azuraforge.engine.train import Epoch, Happening, Loop, Step
from azuraforge.errors import NonFiniteError, RefusedError
from azuraforge.plugin import Task
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import (
    EpochFinished,
    Event,
    Intervened,
    Metrics,
    RunFailed,
    RunFinished,
    RunStopped,
    Telemetry,
)
from azuraforge.schema.provenance import Provenance
from azuraforge.schema.records import Attempt
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import BlobStore, MemoryBlobs
from azuraforge.store.blobs import digest as digest_of
from azuraforge.store.tensors import encode, parts

MOST_ROLLBACKS = 10  # a run that is not saved by a thousandth of its learning rate never will be

log = logging.getLogger("azuraforge")


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
    holds from there on; its checkpoints are written beside the training. `seq` is the number of
    the latest event given. `clock` (seconds) serves telemetry alone.

    Raises: NotFoundError, PluginError, ConfigError, DeviceError for a spec that cannot be run;
            RefusedError where code, data or machine are not those the run began with.
    """

    def __init__(
        self,
        spec: RunSpec,
        *,
        blobs: BlobStore | None = None,
        attempt: Attempt | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self._plugin, self._config = resolve(spec)
        self._blobs = blobs if blobs is not None else MemoryBlobs()
        self._attempt = attempt
        self._clock = clock
        self._interventions = Interventions(attempt)
        self._loop: Loop | None = None
        self._control: Control | None = None
        self._saver: Saver | None = None
        self._pace: _Pace | None = None
        self.seq = 0
        self.differs: list[str] = []  # from what the run began with, where that was accepted

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
        if self._loop is None:
            raise RefusedError("this Trainer has not begun; iterate it for its events first")
        return self._loop

    @property
    def telemetry(self) -> Telemetry | None:
        """How the run goes just now; None before its first step, unless there is a note."""
        pace = self._pace  # once: the thread that trains puts others there
        note = self._note()
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
        """
        self.seq, self._pace, held = 0, None, Held()
        try:
            for made in self._events(held):
                if made is not None:
                    held.add(made)
                for event in held.ready(wait=made is None):
                    yield self._counted(event)
            for event in held.ready(wait=True):
                yield self._counted(event)
        except Exception as error:  # a plugin may raise anything; none of it is swallowed
            for event in held.sound():
                yield self._counted(event)
            if not held.made and self._attempt and self._attempt.known_seq:
                raise  # it could not go on: what its journal holds is as true as before
            step = self._loop.step if self._loop else 0
            yield self._counted(RunFailed(step=step, kind=type(error).__name__, error=str(error)))
            raise

    def _counted(self, event: Event) -> Event:
        self.seq += 1
        return event

    def _note(self) -> str:
        if self._saver is not None and self._saver.note:
            return self._saver.note
        if self._control is not None and self._control.state.is_paused:
            return "paused"
        return self._loop.manner if self._loop else ""

    def _events(self, held: Held) -> Iterator[Event | Later | None]:
        """The events as they are made; None where nothing follows until somebody asks for it."""
        set_threads(self.spec.threads)
        task = self._build()
        loop = self._loop = new_loop(self.spec, self._config, task)
        control = self._control = Control(self._interventions, self._config, loop, task.live)
        here = provenance(self._plugin, task)
        self._saver = Saver(self._blobs, self.spec, here, beside=self._attempt is not None)
        yield self._begun(task, here, held)
        for happened in self._happenings(loop, control, held):
            if happened is None:
                yield None
            elif isinstance(happened, Intervened):
                yield happened
                if happened.command == "checkpoint":
                    yield self._saving(held)
                if happened.command == "stop":
                    yield from self._stopped(happened, held)
                    return
            else:
                yield event_of(happened, loop)
                if self._is_checkpoint_due(happened, loop):
                    yield self._saving(held)
        yield self._finished(task, loop)

    def _happenings(
        self, loop: Loop, control: Control, held: Held
    ) -> Iterator[Happening | Intervened | None]:
        """What happens in the loop, and what is done to it in between."""
        began, first_step, rows, manner = self._clock(), loop.step, 0, ""
        happenings = iter(loop)
        while True:
            if not loop.is_done:
                yield from control.due(lambda: held.made)
            try:
                happened = next(happenings, None)
            except NonFiniteError as error:
                yield self._rolled_back(loop, control, error)
                happenings = iter(loop)
                continue
            if happened is None:
                return
            if isinstance(happened, Step):
                rows += happened.rows
                done = max(loop.step - first_step, 1)  # a rollback takes steps back
                self._pace = _Pace(began, done, rows, loop.step, loop.steps)
                if loop.manner != manner:
                    manner = loop.manner
                    log.info("step %d: %s", loop.step, manner)
            yield happened

    def _build(self) -> Task:
        with using(Generator(self.spec.seed).child("init")):
            return self._plugin.build(self._config, task_generator(self.spec))

    def _begun(self, task: Task, here: Provenance, held: Held) -> Event:
        """The first event: of a new run, or of one that goes on."""
        loop, attempt = self.loop, self._attempt
        checkpoint = newest(attempt, self._blobs, self.spec)
        then = checkpoint.provenance if checkpoint else first_provenance(attempt)
        self.differs = accepted(attempt, then, here)
        if checkpoint is not None:
            self._go_back(checkpoint)
            assert self._saver is not None
            self._saver.began_from(checkpoint.sha256)
        if self.differs and attempt:  # what follows is not what the journal holds
            self.seq = held.made = attempt.known_seq
            reason = f"not exact: {'; '.join(self.differs)}"
            return Intervened(step=loop.step, command="rollback", value=loop.step, reason=reason)
        if checkpoint is None:
            return started(self.spec, task, loop, here)
        self.seq = held.made = checkpoint.seq
        return saved(loop)(checkpoint.sha256)

    def _go_back(self, checkpoint: Checkpoint) -> None:
        """Be as the checkpoint says."""
        assert self._control is not None
        self.loop.load_state_dict(checkpoint.arrays, checkpoint.loop)
        self._control.load(checkpoint.control)

    def _rolled_back(self, loop: Loop, control: Control, error: NonFiniteError) -> Intervened:
        """Go back to the last good checkpoint with half the learning rate, where that is asked for.

        Raises: the error where it is not, or where it has not helped before.
        """
        if self._config.training.on_nan != "rollback" or control.state.rollbacks == MOST_ROLLBACKS:
            raise error
        assert self._saver is not None
        rollbacks, step, lr = control.state.rollbacks + 1, loop.step, loop.lr / 2
        last = self._saver.latest()
        if last is None:
            raise NonFiniteError(f"{error}; there is no checkpoint yet to go back to") from error
        self._go_back(load(self._blobs, last, self.spec))
        control.state.rollbacks = rollbacks
        loop.set("optim.lr", lr)
        reason = f"{error}; the learning rate is halved to {lr:g}"
        return Intervened(step=step, command="rollback", value=loop.step, reason=reason)

    def _is_checkpoint_due(self, happened: Happening, loop: Loop) -> bool:
        policy = self.spec.checkpoint
        if isinstance(happened, Epoch):
            return policy.every_epochs > 0 and happened.epoch % policy.every_epochs == 0
        is_step = isinstance(happened, Step) and policy.every_steps > 0
        return is_step and happened.step % policy.every_steps == 0

    def _saving(self, held: Held) -> Later:
        assert self._saver is not None
        assert self._control is not None
        loop = self.loop
        sha256 = self._saver.save(loop, held.made, self._control.values())
        return Later(sha256, saved(loop))

    def _stopped(self, asked: Intervened, held: Held) -> Iterator[Event | Later]:
        saving = self._saving(held)
        yield saving
        yield RunStopped(
            step=self.loop.step, reason=asked.reason, checkpoint=saving.sha256.result()
        )

    def _finished(self, task: Task, loop: Loop) -> RunFinished:
        arrays, values = loop.state_dict()
        whole = digest_of(parts(arrays, values))
        loop.model.load_state_dict(loop.best_weights)
        test = loop.evaluate(task.test)
        metadata = {
            "plugin": self.spec.plugin,
            "plugin_version": self._plugin.version,
            "config": self.spec.config,
            "state": task.state,
        }
        return RunFinished(
            step=loop.step,
            best_epoch=loop.best_epoch,
            validation=finite(loop.best_validation, "validation"),
            test=finite(test, "test"),
            weights=self._blobs.put(encode(loop.best_weights, metadata)),
            digest=whole,
        )


class _Pace(NamedTuple):
    """How far this Trainer has come: steps and rows done since it `began`, step of steps."""

    began: float
    done: int
    rows: int
    step: int
    steps: int
