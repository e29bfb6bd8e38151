"""Statements that run with every append: compiled once, given to the driver as they are.

SQLAlchemy needs 100 to 150 microseconds to see that it has compiled a statement before: an append
of one event, all that a Trainer of 50 steps/s sends at a time, would spend most of its time so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.dialects import postgresql, sqlite

DIALECTS: dict[str, Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": postgresql.psycopg.dialect(),  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types
}


class Statement:
    """A statement whose parameters all have names."""

    def __init__(self, construct: Select[Any] | Insert | Update | Delete) -> None:
        self._construct = construct
        self._text = cache(self._compiled)

    def rows(self, db: Connection, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run it; the rows it finds, without any conversion of types."""
        cursor = db.connection.cursor()
        try:
            cursor.execute(self._text(db.dialect.name), parameters)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def run(self, db: Connection, **parameters: Any) -> None:
        """Run it for what it changes."""
        cursor = db.connection.cursor()
        try:
            cursor.execute(self._text(db.dialect.name), parameters)
        finally:
            cursor.close()

    def run_many(self, db: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Run it once for each of the parameters."""
        cursor = db.connection.cursor()
        try:
            cursor.executemany(self._text(db.dialect.name), rows)
        finally:
            cursor.close()

    def _compiled(self, dialect: str) -> str:
        return str(self._construct.compile(dialect=DIALECTS[dialect]))
