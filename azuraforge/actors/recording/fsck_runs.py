"""Runs as the database holds them, each recomputed from its journal and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, structs

from azuraforge.actors.recording.folding import folded
from azuraforge.actors.recording.fsck_series import Series
from azuraforge.schema.events import CheckpointSaved, Event, Intervened, RunFinished
from azuraforge.schema.records import ModelVersion, RunRecord
from azuraforge.store import raw
from azuraforge.store.journal import NO_CHAIN
from azuraforge.store.raw import RawEvent

if TYPE_CHECKING:
    from sqlalchemy import Connection

RESTORE = "put back a copy of the home folder"  # nothing in it can be made up again
FOLD = (
    "state last_seq step steps epoch epochs monitor mode metrics test error checkpoint model chain"
).split()  # what the journal alone says of a run
MOST_TOLD = 10  # of one run; where a page is gone there are thousands

_event = msgspec.json.Decoder(Event)
_record = msgspec.json.Decoder(RunRecord)
_version = msgspec.json.Decoder(ModelVersion)


class Damage(Struct, frozen=True, kw_only=True):
    """Something that is not as it should be: where, what, and what to do about it."""

    place: str
    what: str
    remedy: str


@dataclass
class RunsSeen:
    """What was gone through, and which blobs it refers to: their names, and who does."""

    was_opened: bool = False
    runs: int = 0
    events: int = 0
    references: list[tuple[str, str]] = field(default_factory=list)
    weights: dict[int, str] = field(default_factory=dict)  # by run, as its journal ends


def runs_damage(db: Connection, seen: RunsSeen) -> Iterator[Damage]:
    """Damage of every run: of its record, its journal, its checkpoints."""
    for number, name, text in raw.all_runs(db):
        seen.runs += 1
        try:
            record = _record.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            what = f"its record cannot be read ({error})"
            yield Damage(place=f"run {name}", what=what, remedy=RESTORE)
            record = None
        series = Series(db, number)
        journal = _Journal(name, record, series)
        yield from journal.damage(db, number)
        if journal.is_whole and not series.fits():
            what = "its metric rows are not what its journal says"
            yield Damage(place=f"run {name}", what=what, remedy=RESTORE)
        yield from _checkpoint_damage(db, number, journal, seen)
        yield from _request_damage(db, number, journal)
        seen.events += journal.count
        if journal.weights is not None:
            seen.weights[number] = journal.weights


def artifacts_seen(db: Connection, seen: RunsSeen) -> None:
    """Note which blobs are artifacts."""
    for blob, run, name in raw.all_artifacts(db):
        seen.references.append((blob, f"artifact {name!r} of run {run}"))


def models_damage(db: Connection, seen: RunsSeen) -> Iterator[Damage]:
    """Damage of every model version."""
    for name, version, run, text in raw.all_versions(db):
        place = f"model {name}:{version}"
        try:
            record = _version.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            what = f"its record cannot be read ({error})"
            yield Damage(place=place, what=what, remedy=RESTORE)
            continue
        seen.references.append((record.weights, place))
        if seen.weights.get(run) != record.weights:
            what = f"its weights are {record.weights}, its run's end says {seen.weights.get(run)}"
            yield Damage(place=place, what=what, remedy=RESTORE)


class _Journal:
    """One run's events, chained and folded anew."""

    def __init__(self, run: str, record: RunRecord | None, series: Series) -> None:
        self.run = run
        self._series = series
        self.count = 0
        self.saved: dict[int, CheckpointSaved] = {}
        self.done: dict[int, int] = {}  # requests, and the events that say so
        self.weights: str | None = None
        self._record = record
        self._chain = NO_CHAIN
        self.is_whole = True  # every event so far could be read

    def damage(self, db: Connection, number: int) -> Iterator[Damage]:
        """All of it, but no more than a few sentences."""
        told = 0
        for told, one in enumerate(self._all(db, number), 1):
            if told <= MOST_TOLD:
                yield one
        if told > MOST_TOLD:
            what = f"{told - MOST_TOLD} more things are wrong with its journal"
            yield Damage(place=f"run {self.run}", what=what, remedy=RESTORE)

    def _all(self, db: Connection, number: int) -> Iterator[Damage]:
        fold = None if self._record is None else _before_the_first(self._record)
        for row in raw.events_of(db, number):
            yield from self._gap(row.seq)
            event, problems = self._read(row)
            yield from problems
            if event is not None and fold is not None:
                fold = structs.replace(folded(fold, event, row.recorded_at), chain=row.chain.hex())
        if self.is_whole and fold is not None and self._record is not None:
            yield from self._unlike(self._record, fold)

    def _gap(self, seq: int) -> Iterator[Damage]:
        if seq != self.count + 1:
            self.is_whole = False
            what = f"events {self.count + 1} to {seq - 1} are missing"
            yield Damage(place=f"run {self.run}", what=what, remedy=RESTORE)
        self.count = seq

    def _read(self, row: RawEvent) -> tuple[Event | None, list[Damage]]:
        """The row's event, None if it cannot be read; and what is wrong with it."""
        _, text, _, chain = row
        place, found = f"run {self.run}, event {row.seq}", []
        expected, self._chain = sha256(self._chain + text).digest(), chain
        if chain != expected:
            what = f"its chain is {chain.hex():.12}…, computed anew {expected.hex():.12}…"
            found.append(Damage(place=place, what=f"{what}: it is not what was written",
                                remedy=RESTORE))  # fmt: skip
        try:
            event: Event = _event.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.is_whole = False
            what = f"it cannot be read ({error})"
            return None, [*found, Damage(place=place, what=what, remedy=RESTORE)]
        self._series.take(row.seq, event)
        match event:
            case CheckpointSaved():
                self.saved[row.seq] = event
            case Intervened() if event.request is not None:
                self.done[event.request] = row.seq
            case RunFinished():
                self.weights = event.weights
        return event, found

    def _unlike(self, record: RunRecord, fold: RunRecord) -> Iterator[Damage]:
        for name in FOLD:
            kept, told = getattr(record, name), getattr(fold, name)
            if kept != told:
                what = f"its record says {name} {kept!r}, its journal {told!r}"
                yield Damage(place=f"run {self.run}", what=what, remedy=RESTORE)


def _checkpoint_damage(
    db: Connection, number: int, journal: _Journal, seen: RunsSeen
) -> Iterator[Damage]:
    """Checkpoints that the table and the journal tell differently; those kept are referred to."""
    rows = raw.checkpoints_of(db, number)
    for seq in sorted(rows.keys() | journal.saved.keys()):
        row, event = rows.get(seq), journal.saved.get(seq)
        table = None if row is None else (row.step, row.epoch, row.sha256)
        told = None if event is None else (event.step, event.epoch, event.sha256)
        if table != told:
            place = f"run {journal.run}, checkpoint {seq}"
            what = f"the table says {table}, the journal {told}"
            yield Damage(place=place, what=what, remedy=RESTORE)
        if row is not None and row.is_kept:
            seen.references.append((row.sha256, f"checkpoint {seq} of run {journal.run}"))


def _request_damage(db: Connection, number: int, journal: _Journal) -> Iterator[Damage]:
    """Requests that took effect by one event as the table says, by another in the journal."""
    for request, seq in raw.requests_done(db, number).items():
        if journal.done.get(request) != seq:
            place = f"run {journal.run}, request {request}"
            what = (
                f"done by event {seq} as the table says, {journal.done.get(request)} in the journal"
            )
            yield Damage(place=place, what=what, remedy=RESTORE)


def _before_the_first(record: RunRecord) -> RunRecord:
    """The record as it was before any event."""
    unset = {name: field.default for name, field in _FIELDS.items() if name in FOLD}
    return structs.replace(record, **unset | {"state": "queued", "metrics": {}, "test": {}})


_FIELDS = {field.name: field for field in structs.fields(RunRecord)}
