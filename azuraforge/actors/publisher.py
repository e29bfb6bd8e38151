"""Carries a Trainer's events to the Registry: in order, batched, one append in flight."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from azuraforge.actors.trainer import Trainer
from azuraforge.errors import AzuraForgeError
from azuraforge.schema.events import Event, Telemetry
from azuraforge.schema.records import Ack

INTERVAL_S = 0.02  # between appends: an event is seen soon, and a step does not wait for a sync
TELEMETRY_EVERY = 10  # appends

log = logging.getLogger("azuraforge")


def publish(
    trainer: Trainer,
    append: Callable[[int, Sequence[Event]], Ack],
    report: Callable[[Telemetry], None],
) -> None:
    """Run the Trainer to its end, every event appended; returns when the last one is durable.

    A run that fails of an error of ours is told by its journal alone; anything else is logged with
    its traceback besides, since it is a bug of ours or the plugin's.

    Raises: what `append` raised; the Trainer is stopped first.
    """
    flusher = _Flusher(trainer, append, report)
    thread = threading.Thread(target=flusher.run, name="azuraforge-publisher")
    thread.start()
    try:
        for event in trainer:
            flusher.put(event)
            if flusher.error is not None:
                break
    except AzuraForgeError:
        pass  # the RunFailed event before it says the same
    except Exception:
        log.exception("run failed: a bug in the plugin or in AzuraForge")
    finally:
        flusher.finish()
        thread.join()
    if flusher.error is not None:
        raise flusher.error


class _Flusher:
    """The thread that appends what has gathered since its last append."""

    def __init__(
        self,
        trainer: Trainer,
        append: Callable[[int, Sequence[Event]], Ack],
        report: Callable[[Telemetry], None],
    ) -> None:
        self._trainer = trainer
        self._append = append
        self._report = report
        self._gathered: list[Event] = []
        self._first_seq = 0
        self._lock = threading.Lock()
        self._done = threading.Event()
        self.error: Exception | None = None

    def put(self, event: Event) -> None:
        with self._lock:
            if not self._gathered:
                self._first_seq = self._trainer.seq
            self._gathered.append(event)

    def finish(self) -> None:
        self._done.set()

    def run(self) -> None:
        try:
            rounds = 0
            while not self._done.wait(INTERVAL_S):
                self._flush()
                rounds += 1
                if rounds % TELEMETRY_EVERY == 0 and self._trainer.telemetry is not None:
                    self._report(self._trainer.telemetry)
            self._flush()
        except Exception as error:  # noqa: BLE001  (handed to the thread that trains, which raises it)
            self.error = error

    def _flush(self) -> None:
        with self._lock:
            first_seq, events = self._first_seq, self._gathered
            self._gathered = []
        ack = self._append(first_seq, events) if events else None
        if ack is not None and ack.stop is not None:
            self._trainer.stop(ack.stop)
