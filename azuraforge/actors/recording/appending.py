"""Events added to a run's journal: what is refused, and all that follows from each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from azuraforge.actors.recording import measuring, registering
from azuraforge.actors.recording.exact_json import exact_json
from azuraforge.actors.recording.folding import folded
from azuraforge.actors.recording.transactions import Transaction
from azuraforge.errors import FencedError, RefusedError
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    JournalEntry,
    RunFinished,
    RunStarted,
    ValidationFinished,
)
from azuraforge.schema.records import ENDED, Ack, Batch, Checkpoint, ModelVersion, RunRecord
from azuraforge.store import attempts, checkpoints, datasets, journal, metrics, requests, runs
from azuraforge.store.metrics import Point
from azuraforge.store.runs import StoredRun

if TYPE_CHECKING:
    from sqlalchemy import Connection

EVENT = msgspec.json.Decoder(Event)


def event_texts(batch: Batch) -> list[str]:
    """The events as they are kept. Raises: RefusedError for NaN, Inf, or what is no event."""
    if batch.first_seq < 1:
        raise RefusedError(f"run {batch.run}: got first_seq {batch.first_seq}; events count from 1")
    return [
        exact_json(f"run {batch.run}, event {seq}", event, EVENT)
        for seq, event in enumerate(batch.events, batch.first_seq)
    ]


def append(writing: Transaction, batch: Batch, texts: Sequence[str]) -> Ack:
    """Add those events of the batch that the journal lacks; nothing is written if it raises.

    Raises: NotFoundError; FencedError; RefusedError for a gap, another past, an ended run.
    """
    db = writing.db
    stored = runs.called(db, batch.run)
    record = stored.record
    refuse_fenced(record, batch.attempt)
    known = min(max(record.last_seq + 1 - batch.first_seq, 0), len(texts))
    _refuse_other_past(db, stored, batch, texts[:known])
    if known < len(texts):
        _refuse_gap(record, batch.first_seq + known)
        record = extend(writing, stored, batch.events[known:], texts[known:])
    elif batch.attempt is not None and record.state not in ENDED:
        runs.hear(db, stored, writing.at)
    return Ack(durable_seq=record.last_seq, requests=requests.pending(db, stored.number))


def extend(
    writing: Transaction, stored: StoredRun, events: Sequence[Event], texts: Sequence[str]
) -> RunRecord:
    """Write new events behind the journal, and all that follows from them; the record then.

    Raises: RefusedError before anything is written.
    """
    db, at, run = writing.db, writing.at, stored.number
    change = _Change(stored, texts)
    for event in events:
        change.take(event, at)
    record = change.record
    version = _version(db, record, events[-1], at)
    if version is not None:
        record = structs.replace(record, model_version=version.version)
    journal.add(db, run, stored.record.last_seq + 1, texts, change.chains, at)
    runs.save(db, stored, record, None if record.state in ENDED else at, change.best_step)
    requests.finish(db, run, change.done)
    for first_seq, points in change.series:
        writing.measure(run, metrics.JOURNAL, first_seq, points)
    for checkpoint in change.checkpoints:
        checkpoints.add(db, run, *checkpoint)
    if change.checkpoints:
        checkpoints.keep(db, run, record.spec.checkpoint.keep_last)
    if change.data:
        datasets.use(db, run, change.data, record.spec.plugin, at)
    if version is not None:
        registering.register(db, run, version)
    if record.state in ENDED:
        attempts.end(db, run, record.state, at)
    writing.told.setdefault(record.id, []).extend(change.entries(events))
    return record


def refuse_ended(record: RunRecord) -> None:
    """Raises: RefusedError if the run has ended."""
    if record.state in ENDED:
        raise RefusedError(f"run {record.id} has ended ({record.state}); nothing can follow")


def refuse_fenced(record: RunRecord, attempt: int | None) -> None:
    """Raises: FencedError unless this is the run's present attempt, or None."""
    if attempt is None or attempt == record.attempt:
        return
    if attempt < record.attempt:
        raise FencedError(
            f"run {record.id}: attempt {attempt} may write no more, since attempt "
            f"{record.attempt} was given the run; end this Trainer"
        )
    raise RefusedError(
        f"run {record.id}: got attempt {attempt}, but the latest that was given is "
        f"{record.attempt}; begin_attempt gives another"
    )


class _Change:
    """What events do to a run, gathered before any of it is written."""

    def __init__(self, stored: StoredRun, texts: Sequence[str]) -> None:
        self.record = structs.replace(stored.record, state=stored.folded_state)
        self.best_step = stored.best_step
        self.chains = journal.chained(self.record.chain, texts)
        self.done: list[tuple[int, int]] = []  # requests, and the events that say so
        self.checkpoints: list[tuple[Checkpoint, RunRecord, int | None]] = []
        self.data: dict[str, str] = {}  # split -> SHA-256
        self._first_seq = stored.record.last_seq + 1
        self.series: list[tuple[int, list[Point]]] = [(self._first_seq, [])]

    def entries(self, events: Sequence[Event]) -> Iterator[JournalEntry]:
        """The events with their places."""
        for seq, (event, chain) in enumerate(
            zip(events, self.chains, strict=True), self._first_seq
        ):
            yield JournalEntry(run=self.record.id, seq=seq, event=event, chain=chain.hex())

    def take(self, event: Event, at: float) -> None:
        """Fold the next event in. Raises: RefusedError if the run has ended."""
        refuse_ended(self.record)
        chain = self.chains[self.record.last_seq + 1 - self._first_seq]
        self.record = structs.replace(folded(self.record, event, at), chain=chain.hex())
        self.series[-1][1].extend(measuring.points(event, at))
        match event:
            case RunStarted() if event.provenance is not None:
                self.data = event.provenance.data
            case EpochFinished(is_best=True) | ValidationFinished(is_best=True):
                self.best_step = event.step
            case Intervened() if event.request is not None:
                self.done.append((event.request, self.record.last_seq))
            case CheckpointSaved():
                saved = Checkpoint(
                    seq=self.record.last_seq,
                    step=event.step,
                    epoch=event.epoch,
                    sha256=event.sha256,
                    is_best=event.step == self.best_step,
                )
                self.checkpoints.append((saved, self.record, self.best_step))
                self.series.append((self.record.last_seq + 1, []))  # a fork here has all before


def _version(db: Connection, record: RunRecord, end: Event, at: float) -> ModelVersion | None:
    if not isinstance(end, RunFinished):
        return None
    return registering.new_version(db, record, end, at)


def _refuse_gap(record: RunRecord, seq: int) -> None:
    if seq != record.last_seq + 1:
        raise RefusedError(
            f"run {record.id}: got event {seq} after event {record.last_seq}; "
            f"the next is {record.last_seq + 1}"
        )


def _refuse_other_past(
    db: Connection, stored: StoredRun, batch: Batch, again: Sequence[str]
) -> None:
    """Refuse events sent again that are not what the journal holds: the run did not repeat."""
    if not again:
        return
    kept = journal.texts(db, stored.number, batch.first_seq - 1, len(again))
    for seq, (text, sent) in enumerate(zip(kept, again, strict=True), batch.first_seq):
        if text != sent and EVENT.decode(text) != batch.events[seq - batch.first_seq]:
            refuse_ended(stored.record)  # the likelier cause: stopped before it could start
            raise RefusedError(
                f"run {batch.run}, event {seq}: sent again with other content; a run repeats "
                f"its past exactly, and the journal holds {text}, not {sent}"
            )
