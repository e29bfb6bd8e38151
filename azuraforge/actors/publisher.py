"""Carries a Trainer's events to the Registry: in order, batched, one append in flight."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, Queue

from azuraforge.actors.trainer import Trainer
from azuraforge.errors import AzuraForgeError
from azuraforge.schema.events import Event, Telemetry
from azuraforge.schema.records import Ack

INTERVAL_S = 0.02  # between appends: an event is seen soon, and a step does not wait for a sync
BEAT = 10  # intervals between reports, and between looks whether a stop is asked for
MOST_WAITING = 10_000  # events: a Trainer faster than the Registry waits, memory stays bounded

Append = Callable[[int, Sequence[Event]], Ack]
Report = Callable[[Telemetry], None]


def publish(trainer: Trainer, append: Append, report: Report) -> None:
    """Run the Trainer to its end, every event appended; returns when the last one is durable.

    A run that fails of an error of ours is told by its journal alone.

    Raises: what `append` or `report` raised, the Trainer stopped first; what the run failed of
            where it is no error of ours, since that is a bug whose traceback somebody must see.
    """
    flusher = _Flusher(trainer, append, report)
    thread = threading.Thread(target=flusher.run, name="azuraforge-publisher", daemon=True)
    thread.start()
    try:
        for event in trainer:
            flusher.waiting.put((trainer.seq, event))
            if flusher.error is not None:
                break
    except AzuraForgeError:
        pass  # the RunFailed event before it says the same
    finally:
        flusher.done.set()
        thread.join()
        if flusher.error is not None:
            raise flusher.error


class _Flusher:
    """The thread that appends what has gathered since its last append."""

    def __init__(self, trainer: Trainer, append: Append, report: Report) -> None:
        self._trainer = trainer
        self._append = append
        self._report = report
        self._next_seq = 1
        self.waiting: Queue[tuple[int, Event]] = Queue(MOST_WAITING)
        self.done = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            rounds = 0
            while not self.done.wait(INTERVAL_S):
                rounds += 1
                gathered = self._gathered()
                if gathered or rounds % BEAT == 0:
                    self._flush(gathered)
                if rounds % BEAT == 0:
                    self._tell_pace()
            gathered = self._gathered()
            self._flush(gathered[:-1])
            self._tell_pace()  # before the last event, so that nobody who follows misses it
            self._flush(gathered[-1:])
        except Exception as error:  # noqa: BLE001  (handed to the thread that trains, which raises it)
            self.error = error
            self._gathered()  # a Trainer that waits for room goes on, and sees the error

    def _flush(self, gathered: list[tuple[int, Event]]) -> None:
        """Append these; with none it only asks for a stop, in a step that takes long."""
        first_seq = gathered[0][0] if gathered else self._next_seq
        ack = self._append(first_seq, [event for _, event in gathered])
        self._next_seq = first_seq + len(gathered)
        for request in ack.requests:
            self._trainer.ask(request)

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
            self._report(telemetry)
