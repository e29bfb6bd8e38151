"""A run's metric rows held against its journal, which they were made of."""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import TYPE_CHECKING

from azuraforge.actors.recording.measuring import points
from azuraforge.schema.events import Event
from azuraforge.store import raw
from azuraforge.store.metrics import ROW, THINNED, names

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Series:
    """The rows as kept, and as the journal's events make them from the first row's event on.

    Rows that were thinned, and events older than there were rows, leave nothing to compare.
    """

    def __init__(self, db: Connection, run: int) -> None:
        self._known = names(db)
        self._first: int | None = None
        self._can_tell = True
        self._kept, self._told = sha256(), sha256()
        for number, rows in raw.series_of(db, run):
            self._first = number if self._first is None else self._first
            self._read(rows)

    def take(self, seq: int, event: Event) -> None:
        """Add the journal's next event."""
        if self._first is not None and seq >= self._first:
            for point in points(event, 0.0):
                self._told.update(_packed(point.name, point.step, point.value))

    def fits(self) -> bool:
        """Whether the rows are what the events say, as far as that can be told."""
        return not self._can_tell or self._kept.digest() == self._told.digest()

    def _read(self, rows: bytes) -> None:
        whole = len(rows) - len(rows) % ROW.size
        for number, step, _, value, flags in ROW.iter_unpack(rows[:whole]):
            if flags & THINNED:
                self._can_tell = False
            self._kept.update(_packed(self._known.get(number, "?"), step, value))
        self._kept.update(rows[whole:])  # a row cut short is like nothing that is told


def _packed(name: str, step: int, value: float) -> bytes:
    return struct.pack("<qd", step, value) + name.encode() + b"\0"
