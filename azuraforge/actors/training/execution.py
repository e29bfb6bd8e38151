"""A run in the making: its events in the order in which a Trainer makes them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from azuraforge.actors.resolve import Resolved, task_generator
from azuraforge.actors.training.checkpoint import Checkpoint, Saver, load
from azuraforge.actors.training.control import Control
from azuraforge.actors.training.held import Held, Later
from azuraforge.actors.training.interventions import Interventions
from azuraforge.actors.training.loops import new_loop
from azuraforge.actors.training.provenance import provenance
from azuraforge.actors.training.resuming import accepted, first_provenance, newest
from azuraforge.actors.training.telling import event_of, finite, saved, started
from azuraforge.engine.random import Generator, using
from azuraforge.engine.threads import set_threads
from azuraforge.engine.train import Step
from azuraforge.errors import NonFiniteError
from azuraforge.schema.events import (
    EpochFinished,
    Event,
    Intervened,
    RunFinished,
    RunStopped,
    StepFinished,
)
from azuraforge.schema.provenance import Provenance, differences
from azuraforge.schema.records import Attempt
from azuraforge.store.blobs import BlobStore, digest
from azuraforge.store.tensors import encode, parts

MOST_ROLLBACKS = 10  # a run that is not saved by a thousandth of its learning rate never will be

log = logging.getLogger("azuraforge")


class Pace(NamedTuple):
    """How far a Trainer has come: steps and rows done since it `began`, step of steps."""

    began: float
    done: int
    rows: int
    step: int
    steps: int


class Execution:
    """A task built and ready; `events` trains it.

    Raises: what building the task raises.
    """

    def __init__(
        self,
        resolved: Resolved,
        blobs: BlobStore,
        attempt: Attempt | None,
        interventions: Interventions,
        clock: Callable[[], float] = time.monotonic,
        *,
        threads: int | None = None,
        repeats: bool = False,
    ) -> None:
        self.spec, self._plugin, self._config = resolved
        self._blobs = blobs
        self._attempt = attempt
        self._clock = clock
        self._threads = self.spec.threads if threads is None else threads
        set_threads(self._threads)
        with using(Generator(self.spec.seed).child("init")):
            self.task = self._plugin.build(self._config, task_generator(self.spec))
        self.loop = new_loop(self.spec, self._config, self.task)
        self.control = Control(interventions, self.spec, self.loop, self.task.live)
        self._checkpoint: Checkpoint | None = newest(attempt, blobs, self.spec)
        self.differs: list[str] = []  # from what the run began with, where that was accepted
        self._repeats = repeats
        self._made_with = self._provenance()
        beside = attempt is not None and not repeats
        self.saver = Saver(blobs, self.spec, self._made_with, beside=beside)
        self.held = Held()
        self.pace: Pace | None = None

    @property
    def _rolls_back(self) -> bool:
        return self._config.training.on_nan == "rollback"

    @property
    def note(self) -> str:
        """What it waits for, or how its steps are done."""
        paused = "paused" if self.control.state.is_paused else ""
        return self.saver.note or paused or self.loop.manner

    def events(self) -> Iterator[Event | Later | None]:
        """The events as they are made; None where nothing follows until somebody asks for it.

        Raises: what the run fails of.
        """
        yield self._begun()
        if self._rolls_back and self.saver.latest() is None:
            yield self._saving()  # what to go back to before there is another
        for event in self._happenings():
            yield event
            if isinstance(event, Intervened) and event.command == "stop":
                yield from self._stopped(event)
                return
            if event is not None and self._is_checkpoint_due(event):
                yield self._saving()
        yield self._finished()

    def _provenance(self) -> Provenance:
        """What the run is made with from here on; one that repeats is made as it was."""
        here = provenance(self._plugin, self.task, self._threads)
        checkpoint = self._checkpoint
        then = checkpoint.provenance if checkpoint else first_provenance(self._attempt)
        if self._repeats and then is not None:
            self.differs = differences(then, here)
            return then
        self.differs = accepted(self._attempt, then, here)
        if then is None and self._threads != self.spec.threads:
            asked = self.spec.threads
            self.differs = [f"the number of threads was to be {asked}, and is {self._threads}"]
        return here

    def _begun(self) -> Event:
        """The first event: of a new run, or of one that goes on."""
        attempt, checkpoint = self._attempt, self._checkpoint
        self._checkpoint = None  # its arrays need not be kept
        if checkpoint is not None:
            self._go_back(checkpoint)
            self.saver.began_from(checkpoint.sha256)
        if self.differs and attempt and attempt.known_seq and not self._repeats:
            # What follows is not what the journal holds.
            self.held.begin_after(attempt.known_seq)
            reason = f"not exact: {'; '.join(self.differs)}"
            step = self.loop.step
            return Intervened(step=step, command="rollback", value=step, reason=reason)
        if checkpoint is None:
            return started(self.spec, self.task, self.loop, self._made_with)
        self.held.begin_after(checkpoint.seq)
        return saved(self.loop)(checkpoint.sha256)

    def _happenings(self) -> Iterator[Event | None]:
        """What happens in the loop, and what is done to it in between."""
        loop = self.loop
        began, first_step, rows, manner = self._clock(), loop.step, 0, ""
        happenings = iter(loop)
        while True:
            yield from self.control.due(lambda: self.held.made)
            try:
                happened = next(happenings, None)
                event = None if happened is None else event_of(happened, loop)
            except NonFiniteError as error:
                yield self._rolled_back(error)
                happenings = iter(loop)
                continue
            if event is None:
                return
            if isinstance(happened, Step):
                rows += happened.rows
                done = max(loop.step - first_step, 1)  # a rollback takes steps back
                if self.pace is None:
                    self.saver.prepare(loop)  # by now the optimizer has its state
                self.pace = Pace(began, done, rows, loop.step, loop.steps)
                if loop.manner != manner:
                    manner = loop.manner
                    log.info("step %d: %s", loop.step, manner)
            yield event

    def _go_back(self, checkpoint: Checkpoint) -> None:
        """Be as the checkpoint says."""
        self.loop.load_state_dict(checkpoint.arrays, checkpoint.loop)
        self.control.load(checkpoint.control)

    def _rolled_back(self, error: NonFiniteError) -> Intervened:
        """Go back to the last good checkpoint with half the learning rate, where that is asked for.

        Raises: the error where it is not, or where it has not helped before.
        """
        rollbacks, step = self.control.state.rollbacks + 1, self.loop.step
        last = self.saver.latest()
        if not self._rolls_back or rollbacks > MOST_ROLLBACKS or last is None:
            raise error
        lr = self.loop.lr / 2
        self._go_back(load(self._blobs, last, self.spec))
        self.control.state.rollbacks = rollbacks
        self.loop.set("optim.lr", lr)
        reason = f"{error}; the learning rate is halved to {lr:g}"
        return Intervened(step=step, command="rollback", value=self.loop.step, reason=reason)

    def _is_checkpoint_due(self, event: Event) -> bool:
        policy = self.spec.checkpoint
        match event:
            case Intervened():
                return event.command == "checkpoint"
            case EpochFinished():
                return policy.every_epochs > 0 and event.epoch % policy.every_epochs == 0
            case StepFinished():
                return policy.every_steps > 0 and event.step % policy.every_steps == 0
            case _:
                return False

    def _saving(self) -> Later:
        sha256 = self.saver.save(self.loop, self.held.made, self.control.values())
        return Later(sha256, saved(self.loop))

    def _stopped(self, asked: Intervened) -> Iterator[Event | Later]:
        saving = self._saving()
        yield saving
        yield RunStopped(
            step=self.loop.step, reason=asked.reason, checkpoint=saving.sha256.result()
        )

    def _finished(self) -> RunFinished:
        loop = self.loop
        whole = digest(parts(*loop.state_dict()))
        loop.model.load_state_dict(loop.best_weights)
        test = loop.evaluate(self.task.test)
        metadata = {
            "plugin": self.spec.plugin,
            "plugin_version": self._plugin.version,
            "config": self.spec.config,
            "state": self.task.state,
        }
        return RunFinished(
            step=loop.step,
            best_epoch=loop.best_epoch,
            validation=finite(loop.best_validation, "validation"),
            test=finite(test, "test"),
            weights=self._blobs.put(encode(loop.best_weights, metadata)),
            digest=whole,
        )
