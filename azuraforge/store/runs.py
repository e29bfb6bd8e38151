"""Runs in the database: what a transaction reads and writes of their records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import structs
from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update
from sqlalchemy import delete as sql_delete

from azuraforge.errors import DataError, NotFoundError
from azuraforge.schema.events import Telemetry
from azuraforge.schema.records import RunRecord, RunState
from azuraforge.store.statement import Statement
from azuraforge.store.tables import metadata, params, runs, tags

NUL = "\0"  # PostgreSQL takes no text with one
MOST_NAMED = 10  # ids in the message about an ambiguous one

T = TypeVar("T")

_record = msgspec.json.Decoder(RunRecord)
_telemetry = msgspec.json.Decoder(Telemetry)


_called = Statement(
    select(runs.c.number, runs.c.record, runs.c.state, runs.c.heard_at, runs.c.best_step).where(
        runs.c.id == bindparam("run")
    )
)
_save = Statement(
    update(runs)
    .where(runs.c.number == bindparam("run"))
    .values(
        record=bindparam("text"),
        state=bindparam("now"),
        heard_at=bindparam("heard"),
        best_step=bindparam("best"),
    )
)
_hear = Statement(
    update(runs)
    .where(runs.c.number == bindparam("run"))
    .values(heard_at=bindparam("heard"), state=bindparam("now"))
)


class StoredRun(NamedTuple):
    """A run's row: its number counts up in the order of creation.

    `folded_state` is what its journal tells; `record.state` knows besides that the run waits for a
    Trainer, or has lost it.
    """

    number: int
    record: RunRecord
    folded_state: RunState
    heard_at: float | None
    best_step: int | None


def add(db: Connection, record: RunRecord, *, folded: RunState, best_step: int | None) -> int:
    """Write down a new run; its number."""
    values = {"state": record.state, "experiment": record.experiment, "best_step": best_step}
    text = text_of(structs.replace(record, state=folded))
    heard_at = record.created_at  # from then on who created it beats for it, or is silent
    added = db.execute(insert(runs).values(id=record.id, record=text, heard_at=heard_at, **values))
    (number,) = added.inserted_primary_key or (0,)
    assert number
    return int(number)


def exists(db: Connection, run: str) -> bool:
    """Whether a run has exactly this id."""
    return db.scalar(select(runs.c.number).where(runs.c.id == run)) is not None


def called(db: Connection, run: str) -> StoredRun:
    """The run of exactly this id, without its telemetry. Raises: NotFoundError."""
    rows = _called.rows(db, run=run) if NUL not in run else []
    if not rows:
        raise _unknown(run)
    number, text, state, heard_at, best_step = rows[0]
    folded = _read(_record, run, text)
    record = folded if folded.state == state else structs.replace(folded, state=state)
    return StoredRun(number, record, folded.state, heard_at, best_step)


def beginning(db: Connection, prefix: str) -> StoredRun:
    """The run of this id, or of the only id that begins so.

    Raises: NotFoundError, naming the ids where several begin so.
    """
    same = func.substr(runs.c.id, 1, len(prefix)) == prefix
    query = select(runs).where(same, runs.c.id >= prefix).order_by(runs.c.id)
    is_name = prefix and NUL not in prefix
    rows = db.execute(query.limit(MOST_NAMED + 1)).all() if is_name else []
    if not rows:
        raise _unknown(prefix)
    if len(rows) > 1 and rows[0].id != prefix:
        ids = ", ".join(row.id for row in rows[:MOST_NAMED])
        more = ", …" if len(rows) > MOST_NAMED else ""
        raise NotFoundError(f"{prefix!r} begins the ids of several runs: {ids}{more}")
    return _stored(rows[0])


def newest(
    db: Connection,
    limit: int,
    before: int | None,
    *,
    state: RunState | None = None,
    experiment: str | None = None,
    tag: tuple[str, str | None] | None = None,
    param: tuple[str, str] | None = None,
) -> list[RunRecord]:
    """Runs in the order of creation backwards, from below the number `before`.

    `tag` is a key and its value, None for any; `param` a path in the config and its value as JSON.
    """
    query: Select[Any] = select(runs).order_by(runs.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(runs.c.number < before)
    if state is not None:
        query = query.where(runs.c.state == state)
    if experiment is not None:
        query = query.where(runs.c.experiment == experiment)
    if tag is not None:
        key, value = tag
        tagged = select(tags.c.run).where(tags.c.key == key)
        query = query.where(
            runs.c.number.in_(tagged if value is None else tagged.where(tags.c.value == value))
        )
    if param is not None:
        path, value = param
        given = select(params.c.run).where(params.c.path == path, params.c.value == value)
        query = query.where(runs.c.number.in_(given))
    return [_stored(row).record for row in db.execute(query)]


def every(db: Connection) -> Iterator[StoredRun]:
    """All runs in the order of creation."""
    return map(_stored, db.execute(select(runs).order_by(runs.c.number)))


def silent(db: Connection, since: float) -> list[StoredRun]:
    """Runs that have not ended, whose Trainer or runtime was last heard of before this time."""
    on = runs.c.state.in_(["queued", "running", "paused"])
    query = select(runs).where(on, runs.c.heard_at < since).order_by(runs.c.number)
    return [_stored(row) for row in db.execute(query)]


def save(
    db: Connection, run: StoredRun, record: RunRecord, heard_at: float | None, best_step: int | None
) -> None:
    """Replace a run's record as its journal now tells it."""
    text, state = text_of(record), record.state
    _save.run(db, run=run.number, text=text, now=state, heard=heard_at, best=best_step)


def amend(db: Connection, run: StoredRun, record: RunRecord) -> None:
    """Replace what no event tells of a run; its state stays."""
    text = text_of(structs.replace(record, state=run.folded_state))
    values = {"record": text, "experiment": record.experiment}
    db.execute(update(runs).where(runs.c.number == run.number).values(**values))


def hear(db: Connection, run: StoredRun, at: float) -> None:
    """Note that the run's Trainer is there."""
    _hear.run(db, run=run.number, heard=at, now=run.folded_state)


def lose(db: Connection, run: StoredRun) -> None:
    """Note that the run's Trainer was not heard of in time."""
    db.execute(update(runs).where(runs.c.number == run.number).values(state="lost"))


def delete(db: Connection, number: int) -> None:
    """Delete a run with everything that is kept of it."""
    for table in reversed(metadata.sorted_tables):  # children before their parents
        for column in table.c:
            if column.references(runs.c.number):
                db.execute(sql_delete(table).where(column == number))
    db.execute(sql_delete(runs).where(runs.c.number == number))


def set_telemetry(db: Connection, run: StoredRun, telemetry: str) -> None:
    """Replace a run's telemetry, as JSON."""
    db.execute(update(runs).where(runs.c.number == run.number).values(telemetry=telemetry))


def text_of(record: RunRecord) -> str:
    """The record as it is kept: telemetry has its own place."""
    return msgspec.json.encode(structs.replace(record, telemetry=None)).decode()


def record_of(text: str) -> RunRecord:
    """The record that was kept as this text."""
    return _record.decode(text)


def _unknown(run: str) -> NotFoundError:
    return NotFoundError(f"no run {run!r}")


def _stored(row: Row[Any]) -> StoredRun:
    folded = _read(_record, row.id, row.record)
    telemetry = None if row.telemetry is None else _read(_telemetry, row.id, row.telemetry)
    record = structs.replace(folded, state=row.state, telemetry=telemetry)
    return StoredRun(row.number, record, folded.state, row.heard_at, row.best_step)


def _read(kind: msgspec.json.Decoder[T], run: str, text: str) -> T:
    try:
        return kind.decode(text)
    except (msgspec.DecodeError, TypeError) as error:
        raise DataError(
            f"the record of run {run} is damaged ({error}); put a copy of the database back"
        ) from error
