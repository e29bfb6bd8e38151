"""The numbered, chained events of runs in the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Select, bindparam, insert, literal, or_, select

from azuraforge.errors import DataError
from azuraforge.schema.events import Event, JournalEntry
from azuraforge.store.runs import StoredRun
from azuraforge.store.statement import Statement
from azuraforge.store.tables import events

INTERVENTION = '{"type":"intervention"'  # how the JSON of one begins: msgspec puts the tag first
NO_CHAIN = bytes(32)  # before the first event

_event = msgspec.json.Decoder(Event)
_insert = Statement(
    insert(events).values({column.name: bindparam(column.name) for column in events.c})
)


class Recorded(NamedTuple):
    """An entry, its event as JSON as it is kept, and when that was written."""

    entry: JournalEntry
    text: str
    at: float


def chained(before: str, texts: Iterable[str]) -> list[bytes]:
    """The chain after each of the events, as JSON; `before` is hex, of the event before them."""
    chain, chains = bytes.fromhex(before) if before else NO_CHAIN, []
    for text in texts:
        chain = sha256(chain + text.encode()).digest()
        chains.append(chain)
    return chains


def add(
    db: Connection, run: int, first_seq: int, texts: Sequence[str], chains: list[bytes], at: float
) -> None:
    """Write down events, as JSON, numbered from `first_seq`."""
    rows = [
        {"run": run, "seq": seq, "event": text, "recorded_at": at, "chain": chain}
        for seq, (text, chain) in enumerate(zip(texts, chains, strict=True), first_seq)
    ]
    _insert.run_many(db, rows)


def texts(db: Connection, run: int, after: int, limit: int) -> list[str]:
    """A run's events from behind `after`, in order, as JSON."""
    query = select(events.c.event).where(events.c.run == run, events.c.seq > after)
    return list(db.scalars(query.order_by(events.c.seq).limit(limit)))


def entries(db: Connection, run: StoredRun, after: int, limit: int) -> list[JournalEntry]:
    """A run's journal from behind `after`, in order, checked against its chain.

    Raises: DataError naming the first event that is not what was written.
    """
    first = max(after, 1)  # with the event before them, whose chain theirs goes on from
    query = _entries(run).where(events.c.seq >= first).limit(limit + 1)
    rows = list(db.execute(query))
    chain = ""
    if after > 0 and rows and rows[0].seq == after:
        chain = rows.pop(0).chain.hex()
    found = rows[:limit]
    for seq, row in enumerate(found, first + (after > 0)):
        if row.seq != seq or chained(chain, [str(row.event)]) != [row.chain]:
            raise _damaged(run, seq)
        chain = row.chain.hex()
    last = found[-1].seq if found else after
    if len(rows) < limit and last < run.record.last_seq:
        raise _damaged(run, last + 1)
    return [_entry(run, row) for row in found]


def recorded(db: Connection, run: StoredRun) -> Iterator[Recorded]:
    """A run's whole journal in order, checked, with how and when it was written down.

    Raises: DataError.
    """
    query = select(events.c.event, events.c.recorded_at).where(events.c.run == run.number)
    rows = db.execute(query.order_by(events.c.seq))
    for entry, row in zip(entries(db, run, 0, run.record.last_seq), rows, strict=True):
        yield Recorded(entry, row.event, row.recorded_at)


def interventions(db: Connection, run: StoredRun, after: int = 0) -> list[JournalEntry]:
    """Every intervention in a run's journal from behind `after`, in order."""
    is_one = events.c.event.startswith(INTERVENTION, autoescape=True)
    query = _entries(run).where(events.c.seq > after, is_one)
    return [_entry(run, row) for row in db.execute(query)]


def outline(db: Connection, run: StoredRun) -> list[JournalEntry]:
    """The first event and every intervention there was, in order."""
    is_one = events.c.event.startswith(INTERVENTION, autoescape=True)
    return [
        _entry(run, row) for row in db.execute(_entries(run).where(or_(events.c.seq == 1, is_one)))
    ]


def copy(db: Connection, parent: int, child: int, last_seq: int, at: float) -> None:
    """Let a new run begin with its parent's events up to `last_seq`, within the database."""
    theirs = select(
        literal(child), events.c.seq, events.c.event, literal(at), events.c.chain
    ).where(events.c.run == parent, events.c.seq <= last_seq)
    db.execute(insert(events).from_select([column.name for column in events.c], theirs))


def _entries(run: StoredRun) -> Select[Any]:
    query = select(events.c.seq, events.c.event, events.c.chain)
    return query.where(events.c.run == run.number).order_by(events.c.seq)


def _entry(run: StoredRun, row: Row[Any]) -> JournalEntry:
    try:
        event = _event.decode(row.event)
    except (msgspec.DecodeError, TypeError) as error:
        raise _damaged(run, row.seq) from error
    return JournalEntry(run=run.record.id, seq=row.seq, event=event, chain=row.chain.hex())


def _damaged(run: StoredRun, seq: int) -> DataError:
    return DataError(
        f"run {run.record.id}: event {seq} is damaged, its text is not what its chain was made of; "
        "put a copy of the database back"
    )
