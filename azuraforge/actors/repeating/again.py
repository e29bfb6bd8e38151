"""A run done again from its spec and its interventions, writing nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from azuraforge.actors.repeating.journals import Journals, journal
from azuraforge.actors.training.trainer import Trainer
from azuraforge.errors import RefusedError
from azuraforge.schema.events import (
    CheckpointSaved,
    Event,
    Intervened,
    JournalEntry,
    RunStarted,
    StepFinished,
)
from azuraforge.schema.records import Attempt
from azuraforge.store.blobs import BlobStore, DiscardingBlobs, Part


class Again:
    """A run done again, from the nearest checkpoint at or before a step.

    Iterate it once for its events with their numbers, from the checkpoint's own on, or from the
    first: up to the last that the journal holds, since behind that there may be a pause.

    Raises: NotFoundError; RefusedError for a run that has not begun.
    """

    def __init__(self, registry: Journals, blobs: BlobStore, run: str, step: int) -> None:
        self.registry = registry
        self.record = registry.run(run)
        self.first = first_entry(registry, self.record.id)
        kept = [one for one in registry.checkpoints(self.record.id) if one.is_kept]
        told = [e for e in journal(registry, self.record.id) if isinstance(e.event, Intervened)]
        attempt = Attempt(
            run=self.record.id,
            number=max(1, self.record.attempt),
            spec=self.record.spec,
            known_seq=self.record.last_seq,
            checkpoints=sorted((c for c in kept if c.step <= step), key=lambda c: -c.seq),
            requests=[],
            journal=[self.first, *told],
        )
        self.trainer = Trainer(self.record.spec, blobs=Aside(blobs), attempt=attempt, repeats=True)
        self.checkpoint: str | None = None  # what it began from, once it has
        self.steps_done = 0

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        is_first = True
        for event in self.trainer:
            if is_first and isinstance(event, CheckpointSaved):
                self.checkpoint = event.sha256
            is_first = False
            self.steps_done += isinstance(event, StepFinished)
            yield self.trainer.seq, event
            if self.trainer.seq >= self.record.last_seq:
                return


def first_entry(registry: Journals, run: str) -> JournalEntry:
    """How the journal of a run begins. Raises: RefusedError if it has not, or at once ended."""
    entries = registry.events(run, 0, 1)
    if not entries or not isinstance(entries[0].event, RunStarted):
        raise RefusedError(f"run {run} was never begun, so there is nothing to do again")
    return entries[0]


class Aside(DiscardingBlobs):
    """Blobs that a run done again may read; of its own it keeps the latest, to go back to."""

    MOST = 2

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._own: dict[str, bytes] = {}

    def put_parts(self, parts: Sequence[Part]) -> str:
        """The name of the bytes of all parts, which are not kept for long."""
        name = super().put_parts(parts)
        self._own[name] = b"".join(parts)
        while len(self._own) > self.MOST:
            del self._own[next(iter(self._own))]
        return name

    def get(self, sha256: str) -> bytes:
        """The bytes of this SHA-256. Raises: NotFoundError, DataError."""
        return self._own[sha256] if sha256 in self._own else self._blobs.get(sha256)

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._own or sha256 in self._blobs
