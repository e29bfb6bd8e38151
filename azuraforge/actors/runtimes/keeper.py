"""The keeper: the runs a runtime has in hand, from their acceptance until they have ended.

Does what the supervisor says, in a thread of its own, one thing after the other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

from azuraforge.actors.runtimes.supervisor import (
    TICK_S,
    Beat,
    Deed,
    GiveUp,
    Look,
    Start,
    Supervisor,
)
from azuraforge.actors.runtimes.worker import Worker
from azuraforge.actors.training.attempt import Bug
from azuraforge.errors import AzuraForgeError, FencedError, RefusedError, RunError, ServiceError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import RunFailed
from azuraforge.schema.records import ENDED, RunRecord

CLOSING = "the runtime was closed"
MOST_LOST = 1000  # runs taken up at a look; the next looks take the others

log = logging.getLogger("azuraforge")


class TrainerLostError(RunError):
    """A Trainer died: killed, out of memory, its machine gone. Another may go on with its run."""


class Trainers(Protocol):
    """How Trainers are run: what a runtime says."""

    def train(self, start: Start) -> Future[None]:
        """Run a Trainer to its end in its turn; the future raises what ended it without a word.

        Cancelling the future spares a Trainer that has not begun. Raises: TrainerLostError.
        """
        ...

    def let_go(self, run: str) -> None:
        """End what is left of the run's Trainer, and free what it holds."""
        ...


@dataclass
class _Run:
    """A run in hand: its present Trainer's work, and what its joiners wait for."""

    study: str | None
    work: Future[None] | None = None
    ended: Future[None] = field(default_factory=Future)


class Keeper:
    """Starts Trainers, takes up runs whose Trainers died, and lets joiners know of their end.

    `registry` answers blocking calls. With `adopts` every lost run of the home is taken up.
    """

    def __init__(self, registry: Any, trainers: Trainers, *, adopts: bool) -> None:
        self._registry = registry
        self._trainers = trainers
        self._supervisor = Supervisor(time.monotonic, adopts=adopts)
        self.runs: dict[str, _Run] = {}  # not ended, or in a way that the journal cannot tell
        self._is_closing = False
        self._is_over = threading.Event()
        self._worker = Worker("azuraforge-keeper")
        self._ticker = threading.Thread(target=self._tick, name="azuraforge-ticker", daemon=True)
        self._ticker.start()

    def accept(self, record: RunRecord, *, accepts_differences: bool = False) -> None:
        """Have the run trained to its end."""
        self.runs[record.id] = _Run(record.spec.study)
        accepting = self._supervisor.accept
        self._worker.submit(
            lambda: self._do(accepting(record, accepts_differences=accepts_differences))
        ).result()

    def has(self, run: str) -> bool:
        """Whether the run is in hand, and has not ended."""
        kept = self.runs.get(run)
        return kept is not None and not kept.ended.done()

    def stop(self, runs: Iterable[str], reason: str) -> None:
        """Ask those of the runs that are on to stop."""
        for run in list(runs):
            if self.has(run):
                self._stop(run, self.runs[run], reason)

    def close(self) -> None:
        """Stop the runs, wait until they have ended, and end the threads."""
        self._is_closing = True
        try:
            self.stop(self.runs, CLOSING)
        finally:
            wait([kept.ended for kept in list(self.runs.values())])
            self._is_over.set()
            self._ticker.join()
            self._worker.close()

    def _tick(self) -> None:
        while not self._is_over.wait(TICK_S):
            try:
                self._worker.submit(lambda: self._do(self._supervisor.tick())).result()
            except AzuraForgeError as error:
                log.warning("runs were not looked after, but will be in a moment: %s", error)

    def _do(self, deeds: Iterable[Deed]) -> None:
        for deed in deeds:
            match deed:
                case Start():
                    self._start(deed)
                case GiveUp():
                    self._give_up(deed)
                case Look():
                    self._look()
                case Beat():
                    self._beat(deed.run)

    def _start(self, start: Start) -> None:
        record = start.record
        if not self.has(record.id):  # adopted, perhaps after we had let go of it
            self.runs[record.id] = _Run(record.spec.study)
        kept = self.runs[record.id]
        if kept.work is not None:
            self._trainers.let_go(record.id)  # dead, or silent for so long that it may well be
        if self._is_closing:
            self._stop(record.id, kept, CLOSING)
            return self._settle(record.id, None)
        if record.attempt:
            log.warning("run %s: attempt %d follows one that was lost", record.id, start.after + 1)
        work = kept.work = self._worked(start)
        return work.add_done_callback(lambda done: self._when_done(record.id, done))

    def _worked(self, start: Start) -> Future[None]:
        """The Trainer's work; one that cannot even be started has failed at once."""
        try:
            return self._trainers.train(start)
        except Exception as error:  # noqa: BLE001  (a cluster that has gone raises anything)
            work: Future[None] = Future()
            work.set_exception(error)
            return work

    def _when_done(self, run: str, work: Future[None]) -> None:
        kept = self.runs.get(run)
        if kept is not None and kept.work is work:  # else another Trainer has the run since
            self._worker.submit(self._ended, run, work)

    def _ended(self, run: str, work: Future[None]) -> None:
        """Let joiners know, or go on with the run where its Trainer was lost."""
        if self.runs[run].work is not work:
            return
        try:
            self._trainers.let_go(run)
            error = None if work.cancelled() else work.exception()
            if isinstance(error, TrainerLostError | ServiceError) and self._is_taken_up(run, error):
                return
            untold = None if error is None else self._tell(run, error)
        except Exception as second:  # noqa: BLE001  (the Registry fails too: whoever joins is told)
            untold = second
        self._settle(run, untold)

    def _settle(self, run: str, untold: Exception | None) -> None:
        if untold is None:
            self._supervisor.ended(run)
            self.runs.pop(run).ended.set_result(None)
            return
        if isinstance(untold, FencedError):
            self._supervisor.ended(run)
        else:
            self._supervisor.leave(run)
        self.runs[run].ended.set_exception(untold)  # kept, for whoever joins later

    def _is_taken_up(self, run: str, error: Exception) -> bool:
        """Whether the run of a Trainer that died is in our hands still."""
        record = self._registry.run(run)
        deeds = self._supervisor.died(record, str(error))
        if not deeds:
            return False
        if record.attempt and record.state != "lost":
            self._registry.lose(run, str(error), attempt=record.attempt)
        self._do(deeds)
        return True

    def _give_up(self, deed: GiveUp) -> None:
        run = deed.record.id
        log.error("run %s is given up: %s", run, deed.cause)
        self._registry.give_up(run, deed.cause)
        if run in self.runs:
            self._settle(run, RunError(f"run {run} was given up: {deed.cause}"))

    def _look(self) -> None:
        self._registry.expire()
        self._do(self._supervisor.lost(self._registry.runs(MOST_LOST, state="lost")))

    def _beat(self, run: str) -> None:
        try:
            self._registry.append(run, 1, [], attempt=0)
        except FencedError:  # its first attempt has begun
            self._supervisor.began(run)

    def _stop(self, run: str, kept: _Run, reason: str) -> None:
        try:
            record = self._registry.command(run, Command(name="stop", reason=reason))
        except RefusedError:
            return  # it ended in the meantime
        if record.state in ENDED and kept.work is not None:
            kept.work.cancel()  # it was queued: its Trainer need not begin

    def _tell(self, run: str, error: BaseException) -> Exception | None:
        """Write the error into the journal, unless it holds the end; returns what it cannot say.

        A run that has a past is not ended by what kept a Trainer from going on with it: it is lost
        until somebody resumes it where that is otherwise.
        """
        if isinstance(error, FencedError):
            log.info("run %s is in other hands: %s", run, error)
            return error
        record = self._registry.run(run)
        kind, text = type(error).__name__, str(error)
        if isinstance(error, Bug):
            kind, text = error.kind, error.text
            log.error("run %s: a bug in its plugin or in AzuraForge\n%s", run, error.traceback)
        if record.state in ENDED:
            return None
        if record.last_seq:
            self._registry.lose(run, f"{kind}: {text}", attempt=record.attempt)
        else:
            failed = RunFailed(step=record.step, kind=kind, error=text)
            self._registry.append(run, record.last_seq + 1, [failed])
        if isinstance(error, AzuraForgeError):
            return error
        return RunError(f"run {run} failed of a bug: {kind}: {text}")
