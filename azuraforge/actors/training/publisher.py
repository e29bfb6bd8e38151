"""Carries a Trainer's events to the Registry: in order, batched, one append in flight."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, Queue

from azuraforge.actors.training.gauges import Gauges
from azuraforge.actors.training.trainer import Trainer
from azuraforge.errors import AzuraForgeError, NoRoomError
from azuraforge.schema.events import Event, RunFailed, Telemetry
from azuraforge.schema.records import Ack

INTERVAL_S = 0.02  # between appends: an event is seen soon, and a step does not wait for a sync
BEAT_S = 0.2  # between reports, and between looks at what is asked for: a sign of life
MOST_WAITING = 10_000  # events: a Trainer faster than the Registry waits, memory stays bounded
RETRY_S = 1.0  # between tries to append where there is no room

Append = Callable[[int, Sequence[Event]], Ack]
Report = Callable[[Telemetry], None]

log = logging.getLogger("azuraforge")


def publish(
    trainer: Trainer,
    append: Append,
    report: Report,
    *,
    interval_s: float = INTERVAL_S,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Run the Trainer to its end, every event appended; returns when the last one is durable.

    A run that fails of an error of ours is told by its journal alone. Where the disk is full, the
    run waits for room. Whoever appends in this very process pays for each transaction: `interval_s`
    between them may be longer there.

    Raises: what `append` or `report` raised, the Trainer stopped first; what the run failed of
            where it is no error of ours, since that is a bug whose traceback somebody must see;
            what kept it from going on, where its journal cannot say so.
    """
    with Gauges() as gauges:
        flusher = _Flusher(trainer, append, report, gauges, interval_s, wait)
        thread = threading.Thread(target=flusher.run, name="azuraforge-publisher", daemon=True)
        thread.start()
        event: Event | None = None
        try:
            for event in trainer:
                flusher.waiting.put((trainer.seq, event))
                if flusher.error is not None:
                    break
        except AzuraForgeError:
            if not isinstance(event, RunFailed):
                raise  # the journal does not say the same
        finally:
            flusher.done.set()
            thread.join()
            if flusher.error is not None:
                raise flusher.error


class _Flusher:
    """The thread that appends what has gathered since its last append."""

    def __init__(
        self,
        trainer: Trainer,
        append: Append,
        report: Report,
        gauges: Gauges,
        interval_s: float,
        wait: Callable[[float], None],
    ) -> None:
        self._trainer = trainer
        self._append = append
        self._report = report
        self._gauges = gauges
        self._interval_s = interval_s
        self._wait = wait
        self._next_seq = 1
        self._unsure: deque[tuple[int, Event]] = deque()  # sent, and not known to be durable
        self.waiting: Queue[tuple[int, Event]] = Queue(MOST_WAITING)
        self.done = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            rounds, beat = 0, max(round(BEAT_S / self._interval_s), 1)
            while not self.done.wait(self._interval_s):
                rounds += 1
                gathered = self._gathered()
                if gathered or self._unsure or rounds % beat == 0:
                    self._flush(gathered)
                if rounds % beat == 0:
                    self._tell_pace()
            gathered = self._gathered()
            self._flush(gathered[:-1])
            self._tell_pace()  # before the last event, so that nobody who follows misses it
            self._flush(gathered[-1:])
            while self._unsure:
                self._wait(self._interval_s)
                self._flush([])
        except Exception as error:  # noqa: BLE001  (handed to the thread that trains, which raises it)
            self.error = error
            self._gathered()  # a Trainer that waits for room goes on, and sees the error
            self._trainer.stop("its journal cannot be written")  # one that is paused, too

    def _flush(self, gathered: list[tuple[int, Event]]) -> None:
        """Append these, and again what may not be durable; with none it asks what is asked for."""
        self._unsure.extend(gathered)
        first_seq = self._unsure[0][0] if self._unsure else self._next_seq
        ack = self._appended(first_seq, [event for _, event in self._unsure])
        self._next_seq = first_seq + len(self._unsure)
        while self._unsure and self._unsure[0][0] <= ack.durable_seq:
            self._unsure.popleft()
        for request in ack.requests:
            self._trainer.ask(request)

    def _appended(self, first_seq: int, events: Sequence[Event]) -> Ack:
        """The Registry's answer, when there is room for the events."""
        is_told = False
        while True:
            try:
                return self._append(first_seq, events)
            except NoRoomError as error:
                if not is_told:
                    log.warning("the journal waits for room: %s", error)
                is_told = True
                self._wait(RETRY_S)

    def _gathered(self) -> list[tuple[int, Event]]:
        gathered: list[tuple[int, Event]] = []
        try:
            while len(gathered) < MOST_WAITING:
                gathered.append(self.waiting.get_nowait())
        except Empty:
            pass
        return gathered

    def _tell_pace(self) -> None:
        telemetry = self._trainer.telemetry
        if telemetry is not None:
            try:
                self._report(self._gauges.read(telemetry))
            except NoRoomError:
                return  # the next report says more than this one
