"""SQL over snapshots: DuckDB that can read those files, and nothing else, and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from azuraforge.errors import ConfigError
from azuraforge.store.snapshot_tables import TABLES

READING = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)  # MULTI: pivot
UNKNOWN_NAME = (duckdb.CatalogException, duckdb.BinderException)


class Answer(NamedTuple):
    """What a query found: names of columns, and rows of Python values."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def ask(sql: str, files: Mapping[str, Sequence[Path]]) -> Answer:
    """The answer to one select over these tables.

    Raises: ConfigError, in one sentence, for anything but one statement that reads, and for what
            DuckDB does not understand, with the tables and columns that there are.
    """
    with duckdb.connect(":memory:", config={"autoinstall_known_extensions": False}) as connection:
        try:
            _refuse_writing(connection.extract_statements(sql))
            _lock_up(connection, files)
            found = connection.execute(sql)
            return Answer([name for name, *_ in found.description or ()], found.fetchall())
        except duckdb.Error as error:
            raise ConfigError(_told(error)) from error


def columns() -> str:
    """Every table and its columns, in one line."""
    return "; ".join(f"{table} ({', '.join(names)})" for table, names in TABLES.items())


def _refuse_writing(statements: Sequence[duckdb.Statement]) -> None:
    kinds = [statement.type for statement in statements]
    if len(kinds) != 1 or kinds[0] not in READING:
        given = " and ".join(kind.name.lower() for kind in kinds) or "nothing"
        raise ConfigError(f"query: got {given}; allowed: one select, pivot, show or describe")


def _lock_up(connection: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[Path]]) -> None:
    """Make the views, and close every other way out of the process, for good."""
    paths = [str(path) for several in files.values() for path in several]
    connection.execute("set timezone = 'UTC'")  # as the tables have it
    connection.execute("set allowed_paths = $paths", {"paths": paths})
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    for table, several in files.items():
        read = f"read_parquet([{', '.join(map(_quoted, several))}])"
        connection.execute(f"create view {table} as select * from {read}")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _told(error: duckdb.Error) -> str:
    """What DuckDB says, without the piece of SQL that it draws an arrow at."""
    said = " ".join(str(error).partition("\n\nLINE")[0].split())
    there = f"; there are {columns()}" if isinstance(error, UNKNOWN_NAME) else ""
    return f"query: {said}{there}"
