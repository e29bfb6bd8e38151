"""A run trained to its end where it stands: the same in a thread and in a Ray actor."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Sequence
from typing import Any

from azuraforge.actors.training.publisher import INTERVAL_S, publish
from azuraforge.actors.training.tidying import Tidying
from azuraforge.actors.training.trainer import Trainer
from azuraforge.engine.replay.memory import keep_freed
from azuraforge.errors import AzuraForgeError, FencedError
from azuraforge.schema.events import CheckpointSaved, Event
from azuraforge.schema.records import ENDED, Ack, Attempt
from azuraforge.store.blobs import BlobStore


class Bug(Exception):  # noqa: N818  (it is told, not caught)
    """An error that is none of ours, as texts: the error itself might not survive pickling."""

    def __init__(self, kind: str, text: str, traceback: str) -> None:
        super().__init__(kind, text, traceback)
        self.kind = kind
        self.text = text
        self.traceback = traceback


def train_here(
    registry: Any,
    blobs: BlobStore,
    run: str,
    *,
    after: int | None = None,
    accepts_differences: bool = False,
    cores: int | None = None,
    interval_s: float = INTERVAL_S,
) -> None:
    """Run a Trainer to its end in this thread, as the run's next attempt.

    `registry` answers blocking calls. With `after`, no more than so many attempts may have begun.
    With `cores`, a run of more threads is done with so many, where that is accepted.

    Raises: FencedError if the run is in other hands; what kept it from going on, it is `lost` then;
            what kept it from being written down; Bug.
    """
    try:
        record = registry.run(run)
        if record.state in ENDED:
            return  # stopped while it was queued
        if after is not None and record.attempt > after:
            raise FencedError(f"run {run}: attempt {record.attempt} has been begun elsewhere")
        keep_freed()
        attempt = registry.begin_attempt(
            run, f"{socket.gethostname()}:{os.getpid()}", accepts_differences=accepts_differences
        )
        threads = attempt.spec.threads
        if accepts_differences and cores is not None:
            threads = min(threads, cores)
        _train(registry, blobs, attempt, threads, interval_s)
    except AzuraForgeError:
        raise
    except Exception as error:  # noqa: BLE001  (a plugin may raise anything)
        raise Bug(type(error).__name__, str(error), traceback.format_exc()) from None


def _train(
    registry: Any, blobs: BlobStore, attempt: Attempt, threads: int, interval_s: float
) -> None:
    run, number = attempt.run, attempt.number
    tidying = Tidying(registry, blobs)
    try:
        trainer = Trainer(attempt.spec, blobs=blobs, attempt=attempt, threads=threads)

        def append(first_seq: int, events: Sequence[Event]) -> Ack:
            if trainer.differs:
                registry.accept_differences(run, trainer.differs, attempt=number)
                trainer.differs.clear()  # told
            ack: Ack = registry.append(run, first_seq, events, attempt=number)
            if any(isinstance(event, CheckpointSaved) for event in events):
                tidying.tidy()
            return ack

        publish(
            trainer,
            append,
            lambda told: registry.report(run, told, attempt=number),
            interval_s=interval_s,
        )
    except FencedError:
        raise
    except AzuraForgeError as error:
        if registry.run(run).state not in ENDED:
            registry.lose(run, str(error), attempt=number)
        raise
