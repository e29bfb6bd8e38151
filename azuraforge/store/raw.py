"""Rows as they lie in the database, undecoded, for who looks for damage."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, LargeBinary, cast, func, select
from sqlalchemy.exc import SQLAlchemyError

from azuraforge.store.metrics import JOURNAL
from azuraforge.store.tables import (
    artifacts,
    checkpoints,
    events,
    metric_batches,
    model_versions,
    requests,
    runs,
)

MAGIC = b"SQLite format 3\0"
# What reading may raise where a changed byte is that of a type, or of a name.
UNREADABLE = (TypeError, ValueError, SQLAlchemyError, sqlite3.Error)


class RawRun(NamedTuple):
    """A run's row; the record is the JSON that should be one."""

    number: int
    id: str
    record: bytes


class RawEvent(NamedTuple):
    """An event's row."""

    seq: int
    event: bytes
    recorded_at: float
    chain: bytes


class RawCheckpoint(NamedTuple):
    """A checkpoint's row, but for what is only there for forks."""

    seq: int
    step: int
    epoch: int
    sha256: str
    is_kept: bool


class RawVersion(NamedTuple):
    """A model version's row; the run is a number."""

    name: str
    version: int
    run: int
    record: bytes


class RawBatch(NamedTuple):
    """A batch of metric rows."""

    number: int
    rows: bytes


def has_whole_pages(path: Path) -> bool:
    """Whether the file begins as one of SQLite's does, and no page of it is cut.

    SQLite takes a file shorter than a page for a new database, and what is cut off a page for
    zeros.
    """
    with path.open("rb") as file:
        head = file.read(18)
    if not head.startswith(MAGIC) or len(head) < 18:
        return False
    page = int.from_bytes(head[16:18], "big")
    size = path.stat().st_size
    return size > 0 and page > 0 and size % (1 << 16 if page == 1 else page) == 0


def page_problems(db: Connection) -> Iterator[tuple[str, str]]:
    """What SQLite itself finds wrong: where, and what; PostgreSQL looks after its own pages."""
    if db.dialect.name != "sqlite":
        return
    for (told,) in db.exec_driver_sql("PRAGMA integrity_check"):
        if told != "ok":
            yield "the database", told
    for table, row, other, _ in db.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"table {table}", f"row {row} refers to a row of {other} that is not there"


def all_runs(db: Connection) -> list[RawRun]:
    """Every run, in the order of creation."""
    query = select(runs.c.number, runs.c.id, _bytes(db, runs.c.record))
    return [RawRun(*row) for row in db.execute(query.order_by(runs.c.number))]


def events_of(db: Connection, run: int) -> Iterator[RawEvent]:
    """The run's events, in order, a thousand at a time."""
    c = events.c
    query = select(c.seq, _bytes(db, c.event), c.recorded_at, c.chain).where(c.run == run)
    for row in db.execute(query.order_by(c.seq).execution_options(yield_per=1000)):
        yield RawEvent(*row)


def checkpoints_of(db: Connection, run: int) -> dict[int, RawCheckpoint]:
    """The run's checkpoints by the numbers of their events."""
    c = checkpoints.c
    query = select(c.seq, c.step, c.epoch, c.sha256, c.is_kept).where(c.run == run)
    return {row.seq: RawCheckpoint(*row) for row in db.execute(query)}


def requests_done(db: Connection, run: int) -> dict[int, int]:
    """The run's requests that took effect, with the numbers of the events that say so."""
    c = requests.c
    query = select(c.number, c.done_seq).where(c.run == run, c.done_seq.is_not(None))
    return {number: seq for number, seq in db.execute(query) if seq is not None}


def all_versions(db: Connection) -> list[RawVersion]:
    """Every version of every model."""
    c = model_versions.c
    query = select(c.name, c.version, c.run, _bytes(db, c.record)).order_by(c.name, c.version)
    return [RawVersion(*row) for row in db.execute(query)]


def all_artifacts(db: Connection) -> list[tuple[str, str, str]]:
    """Every artifact: the blob, the run's id, the artifact's name."""
    query = select(artifacts.c.sha256, runs.c.id, artifacts.c.name).join_from(artifacts, runs)
    return [(sha256, run, name) for sha256, run, name in db.execute(query)]


def series_of(db: Connection, run: int) -> Iterator[RawBatch]:
    """The run's batches of metric rows that come from its journal, each with its number."""
    c = metric_batches.c
    query = select(c.number, c.rows).where(c.run == run, c.source == JOURNAL).order_by(c.number)
    for row in db.execute(query.execution_options(yield_per=100)):
        yield RawBatch(*row)


def _bytes(db: Connection, column: Column[str]) -> Any:
    """The column's text as bytes, since damaged text need be none."""
    if db.dialect.name == "sqlite":
        return cast(column, LargeBinary)
    return func.convert_to(column, "UTF8", type_=LargeBinary)
