"""Metric rows: 29 bytes each, many of them in one blob.

    name number u32 | step i64 | time f64 | value f64 | flags u8        little-endian

A batch has a source: the journal, whose batches are numbered by the first event they come from and
never reach beyond a checkpoint; telemetry; or the rows that an attempt logged, numbered by it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select

from azuraforge.schema.metrics import MetricRow
from azuraforge.store.statement import Statement
from azuraforge.store.tables import metric_batches, metric_names

JOURNAL, TELEMETRY = 0, -1  # sources; attempt n logs as n
THINNED = 1  # a flag: the row stands for its neighbours, too
ROW = struct.Struct("<IqddB")
COLUMNS = np.dtype(
    [("name", "<u4"), ("step", "<i8"), ("time", "<f8"), ("value", "<f8"), ("flags", "u1")]
)

Rows = NDArray[np.void]

_c = metric_batches.c
_insert = Statement(
    insert(metric_batches).values({column.name: bindparam(column.name) for column in _c})
)


class Point(NamedTuple):
    """A number on its way into a batch."""

    name: str
    step: int
    value: float
    time: float


class MetricNames:
    """The numbers of names, remembered: a name keeps its number for good once it is committed."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, db: Connection, name: str) -> int:
        """The name's number; it is given one if it has none."""
        known = self._numbers.get(name)
        if known is None:
            known = self._numbers[name] = _stored(db, name)
        return known

    def forget(self) -> None:
        """Read them anew, after a transaction that may have taken one back."""
        self._numbers.clear()


def add(
    db: Connection,
    names: MetricNames,
    run: int,
    source: int,
    number: int,
    points: Sequence[Point],
) -> None:
    """Write down points as one batch; without any, none."""
    if not points:
        return
    packed = b"".join(
        [
            ROW.pack(names.number(db, name), step, time, value, 0)
            for name, step, value, time in points
        ]
    )
    _put(db, run, source, number, packed, [point.step for point in points])


def has(db: Connection, run: int, source: int, number: int) -> bool:
    """Whether this batch is there."""
    key = (_c.run == run) & (_c.source == source) & (_c.number == number)
    return db.scalar(select(_c.number).where(key)) is not None


def next_number(db: Connection, run: int, source: int) -> int:
    """The number of the source's next batch."""
    last = select(func.max(_c.number)).where(_c.run == run, _c.source == source)
    return (db.scalar(last) or 0) + 1


def read(db: Connection, run: int, after: int) -> Rows:
    """Every row of the run with a step beyond `after`, as it came."""
    query = select(_c.rows).where(_c.run == run, _c.last_step > after)
    found = b"".join(db.scalars(query.order_by(_c.source, _c.number)))
    rows: Rows = np.frombuffer(found, COLUMNS)
    return rows[rows["step"] > after]


def beside(db: Connection, run: int) -> list[tuple[int, Point]]:
    """The points of the run that no event holds, each with its source: TELEMETRY, or an attempt."""
    known = names(db)
    query = select(_c.source, _c.rows).where(_c.run == run, _c.source != JOURNAL)
    return [
        (batch.source, Point(known[number], step, value, time))
        for batch in db.execute(query.order_by(_c.source, _c.number))
        for number, step, time, value, _ in ROW.iter_unpack(batch.rows)
    ]


def sizes_beside(db: Connection) -> dict[int, list[int]]:
    """Of each run's points that no event holds: the last batch and the bytes, which tell changes.

    They come in new batches, and go by being thinned.
    """
    sizes = func.max(_c.number), func.sum(func.length(_c.rows))
    query = select(_c.run, *sizes).where(_c.source != JOURNAL).group_by(_c.run)
    return {run: [last, size] for run, last, size in db.execute(query)}


def names(db: Connection) -> dict[int, str]:
    """Every name by its number."""
    return {row.number: row.name for row in db.execute(select(metric_names))}


def copy(db: Connection, parent: int, child: int, last_seq: int) -> None:
    """Give a new run what comes from the events it has of its parent."""
    columns = [column for column in _c if column.name != "run"]
    theirs = select(literal(child), *columns)
    theirs = theirs.where(_c.run == parent, _c.source == JOURNAL, _c.number <= last_seq)
    every = ["run", *(column.name for column in columns)]
    db.execute(insert(metric_batches).from_select(every, theirs))


def thin(db: Connection, run: int, keep: int, ends: Sequence[int]) -> int:
    """Leave at most about `keep` rows of each name; how many went.

    `ends` are the numbers of the checkpoints' events, where the journal's rows stay apart.
    """
    batches = db.execute(
        select(_c.source, _c.number, _c.rows).where(_c.run == run).order_by(_c.source, _c.number)
    ).all()
    counts = [len(batch.rows) // COLUMNS.itemsize for batch in batches]
    rows: Rows = np.frombuffer(b"".join(batch.rows for batch in batches), COLUMNS).copy()
    kept = kept_places(rows, keep)
    if len(kept) == len(rows):
        return 0
    rows["flags"][kept] |= THINNED
    origin = np.repeat(np.arange(len(batches)), counts)[kept]
    db.execute(delete(metric_batches).where(_c.run == run))
    for (source, number), places in _grouped(batches, ends):
        part = rows[kept[np.isin(origin, places)]]
        if len(part):
            _put(db, run, source, number, part.tobytes(), part["step"].tolist())
    return len(rows) - len(kept)


def kept_places(rows: Rows, keep: int) -> NDArray[np.intp]:
    """The places of at most about `keep` rows of each name, in order."""
    by_name = [np.flatnonzero(rows["name"] == name) for name in np.unique(rows["name"])]
    kept = [places[extremes(rows["value"][places], keep)] for places in by_name]
    return np.sort(np.concatenate(kept)) if kept else np.arange(0)


def extremes(values: NDArray[np.float64], points: int) -> NDArray[np.intp]:
    """The places of the least and the greatest of each stretch, of the first and of the last.

    Where there are no more than `points` values, all of them.
    """
    count = len(values)
    if count <= points:
        return np.arange(count)
    edges = np.linspace(0, count, max(points // 2, 1) + 1).astype(np.intp)
    found = [0, count - 1]
    for start, end in pairwise(edges):
        stretch = values[start:end]
        found += [start + int(stretch.argmin()), start + int(stretch.argmax())]
    return np.unique(found)


def _grouped(
    batches: Sequence[Any], ends: Sequence[int]
) -> Iterable[tuple[tuple[int, int], list[int]]]:
    """Batches to be put together: the key of the first, and the places of all."""
    groups: dict[tuple[int, int], list[int]] = {}
    borders = sorted(ends)
    first: dict[tuple[int, int], tuple[int, int]] = {}
    for place, batch in enumerate(batches):
        interval = int(np.searchsorted(borders, batch.number)) if batch.source == JOURNAL else 0
        key = first.setdefault((batch.source, interval), (batch.source, batch.number))
        groups.setdefault(key, []).append(place)
    return groups.items()


def _put(
    db: Connection, run: int, source: int, number: int, packed: bytes, steps: list[int]
) -> None:
    _insert.run(db, run=run, source=source, number=number, rows=packed, last_step=max(steps))


def _stored(db: Connection, name: str) -> int:
    known = db.scalar(select(metric_names.c.number).where(metric_names.c.name == name))
    if known is None:
        (known,) = db.execute(insert(metric_names).values(name=name)).inserted_primary_key or (0,)
    return int(known)


def points_of(rows: Iterable[MetricRow], at: float) -> list[Point]:
    """Rows as they come from outside, those without a time as of now."""
    return [
        Point(row.name, row.step, row.value, at if row.time is None else row.time) for row in rows
    ]
