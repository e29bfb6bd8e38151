"""Runs and their events in the database: what a transaction reads and writes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import structs
from sqlalchemy import Connection, Row, Select, func, insert, select, update

from azuraforge.errors import NotFoundError
from azuraforge.schema.events import Event, JournalEntry, Telemetry
from azuraforge.schema.records import RunRecord
from azuraforge.store.tables import events, runs

MOST_NAMED = 10  # ids in the message about an ambiguous one

_event = msgspec.json.Decoder(Event)
_record = msgspec.json.Decoder(RunRecord)
_telemetry = msgspec.json.Decoder(Telemetry)


class StoredRun(NamedTuple):
    """A run's row: its number counts up in the order of creation."""

    number: int
    record: RunRecord
    stop: str | None


def add(db: Connection, record: RunRecord) -> None:
    """Write down a new run."""
    db.execute(insert(runs).values(id=record.id, record=_text(record)))


def exists(db: Connection, run: str) -> bool:
    """Whether a run has exactly this id."""
    return db.scalar(select(runs.c.number).where(runs.c.id == run)) is not None


def called(db: Connection, run: str) -> StoredRun:
    """The run of exactly this id. Raises: NotFoundError."""
    row = db.execute(select(runs).where(runs.c.id == run)).one_or_none()
    if row is None:
        raise _unknown(run)
    return _stored(row)


def beginning(db: Connection, prefix: str) -> StoredRun:
    """The run of this id, or of the only id that begins so.

    Raises: NotFoundError, naming the ids where several begin so.
    """
    same = func.substr(runs.c.id, 1, len(prefix)) == prefix
    query = select(runs).where(same, runs.c.id >= prefix).order_by(runs.c.id)
    rows = db.execute(query.limit(MOST_NAMED + 1)).all() if prefix else []
    if not rows:
        raise _unknown(prefix)
    if len(rows) > 1 and rows[0].id != prefix:
        ids = ", ".join(row.id for row in rows[:MOST_NAMED])
        more = ", …" if len(rows) > MOST_NAMED else ""
        raise NotFoundError(f"{prefix!r} begins the ids of several runs: {ids}{more}")
    return _stored(rows[0])


def newest(db: Connection, limit: int, before: int | None) -> list[RunRecord]:
    """Runs in the order of creation backwards, from below the number `before`."""
    query: Select[Any] = select(runs).order_by(runs.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(runs.c.number < before)
    return [_stored(row).record for row in db.execute(query)]


def save(db: Connection, number: int, record: RunRecord) -> None:
    """Replace a run's record; its telemetry has its own place."""
    db.execute(update(runs).where(runs.c.number == number).values(record=_text(record)))


def set_telemetry(db: Connection, run: str, telemetry: str) -> None:
    """Replace a run's telemetry, as JSON. Raises: NotFoundError."""
    if not db.execute(update(runs).where(runs.c.id == run).values(telemetry=telemetry)).rowcount:
        raise _unknown(run)


def ask_to_stop(db: Connection, number: int, reason: str) -> None:
    """Note that the run shall stop; the first reason stays."""
    asked = func.coalesce(runs.c.stop, reason)
    db.execute(update(runs).where(runs.c.number == number).values(stop=asked))


def add_events(db: Connection, number: int, first_seq: int, new: Sequence[str], at: float) -> None:
    """Write down events, as JSON, numbered from `first_seq`."""
    rows = [
        {"run": number, "seq": seq, "event": event, "recorded_at": at}
        for seq, event in enumerate(new, first_seq)
    ]
    db.execute(insert(events), rows)


def entries(db: Connection, run: StoredRun, after: int, limit: int) -> list[JournalEntry]:
    """A run's journal from behind `after`, in order."""
    query = select(events.c.seq, events.c.event)
    query = query.where(events.c.run == run.number, events.c.seq > after)
    return [
        JournalEntry(run=run.record.id, seq=row.seq, event=_event.decode(row.event))
        for row in db.execute(query.order_by(events.c.seq).limit(limit))
    ]


def _unknown(run: str) -> NotFoundError:
    return NotFoundError(f"no run {run!r}")


def _stored(row: Row[Any]) -> StoredRun:
    record = _record.decode(row.record)
    if row.telemetry is not None:
        record = structs.replace(record, telemetry=_telemetry.decode(row.telemetry))
    return StoredRun(row.number, record, row.stop)


def _text(record: RunRecord) -> str:
    return msgspec.json.encode(structs.replace(record, telemetry=None)).decode()
