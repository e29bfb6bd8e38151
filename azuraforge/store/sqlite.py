"""SQLite in the home folder.

Before 3.51.3 it can lose a commit when two connections write or checkpoint at the same moment
(the "WAL-reset bug"), so every writing transaction, a migration too, holds an flock. SQLite folds
its log into the database inside a commit, or at the close of the last connection there is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from azuraforge.errors import HomeError, NoRoomError
from azuraforge.store.database import Database
from azuraforge.store.home import unusable
from azuraforge.store.lock import Lock

FILE = "registry.sqlite"
LEAST_BYTES = 1 << 16  # free; SQLite asks for up to 32 KiB at once
EXPLANATIONS = {
    sqlite3.SQLITE_FULL: "no room left on the disk; free some room",
    sqlite3.SQLITE_READONLY: "it cannot be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "the disk failed or has no room left",
    sqlite3.SQLITE_BUSY: "another program holds it",
    sqlite3.SQLITE_NOTADB: "it is not a database",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put a copy back",
}


class SQLite(Database):
    """The database of a home folder.

    Raises: HomeError, then and later, where the disk or the file does not let it do its work.
    """

    def __init__(self, home: Path, *, timeout_s: float = 30.0) -> None:
        path = home / FILE
        try:
            self._lock = Lock(home / "registry.lock", timeout_s=timeout_s)
        except OSError as error:
            raise unusable(home, error) from error
        writer = _engine(path, "rwc", "BEGIN IMMEDIATE", timeout_s)
        super().__init__(str(path), writer, _engine(path, "ro", "BEGIN", timeout_s))
        self._home = home
        self._has_failed = False  # a write since SQLite's log was begun
        try:
            self._upgrade()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that is committed as a whole, or not at all if its block raises."""
        mode = "FULL" if durable else "NORMAL"
        with self._lock.held(), self._explained(self._writer):
            if self._has_failed:
                self._begin_log_anew()
            try:
                with self._writer.connect() as connection:
                    if connection.info.get("synchronous") != mode:
                        _pragma(connection, f"synchronous = {mode}")
                        connection.info["synchronous"] = mode
                    with connection.begin():
                        yield connection
            except (DBAPIError, sqlite3.Error):
                self._has_failed = True
                raise

    def close(self) -> None:
        """Close every connection, and let go of the lock's file."""
        super().close()
        self._lock.close()

    @contextmanager
    def _migrated(self) -> Iterator[Connection]:
        with self._lock.held(), self._explained(self._writer), self._writer.connect() as connection:
            _pragma(connection, "journal_mode = WAL")
            _pragma(connection, "foreign_keys = OFF")  # a table made anew keeps its children
            with connection.begin():
                yield connection
                self._refuse_orphans(connection)
            _pragma(connection, "foreign_keys = ON")

    def _refuse_orphans(self, connection: Connection) -> None:
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if orphans:
            tables = ", ".join(sorted({row[0] for row in orphans}))
            raise HomeError(f"{self.place}: rows of {tables} refer to rows that are not there; "
                            "nothing was changed; put a copy back")  # fmt: skip

    def _begin_log_anew(self) -> None:
        """Fold SQLite's log into the database, and empty it; whatever fails of that is raised.

        The system takes pages that it failed to sync for clean: a later sync of the same log would
        succeed, and what it acknowledged would hang on pages that are not on the disk.
        """
        with self._writer.connect() as connection:  # readers stay: they know where the log ended
            if _pragma(connection, "wal_checkpoint(TRUNCATE)")[0]:
                raise HomeError(
                    f"{self.place}: a write has failed, and another program that reads keeps the "
                    "log from being begun anew; end what has been reading for long"
                )
        self._has_failed = False

    def _let_go(self, engine: Engine) -> None:
        """Close connections: after a failed sync a descriptor's cache is not to be trusted.

        Readers stay where a write failed, or what was written of it would be recovered.
        """
        engine.dispose()

    def _told(self, cause: BaseException | None) -> HomeError | None:
        reason = _reason(cause)
        if reason is None:
            return None
        kind = NoRoomError if _has_no_room(cause, self._home) else HomeError
        return kind(
            f"{self.place}: {reason} ({cause}); nothing half-written was kept; "
            "AZURAFORGE_HOME names another home folder"
        )


def _reason(cause: BaseException | None) -> str | None:
    """What an error of SQLite means to a user; None where it is a bug of ours.

    A damaged name of a table or column does not even decode, and of a damaged text sqlite3 says so
    itself, without a code.
    """
    if isinstance(cause, UnicodeDecodeError):
        return EXPLANATIONS[sqlite3.SQLITE_CORRUPT]
    if not isinstance(cause, sqlite3.Error):
        return None
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code == 0 and "Could not decode" in str(cause):
        code = sqlite3.SQLITE_CORRUPT
    return EXPLANATIONS.get(code)


def _has_no_room(cause: BaseException | None, home: Path) -> bool:
    """Whether it is for want of room, which SQLite tells as a failed disk as well."""
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return code == sqlite3.SQLITE_FULL
    disk = os.statvfs(home)
    has_inodes = disk.f_favail > 0 or disk.f_files == 0  # some file systems do not count them
    return disk.f_bavail * disk.f_frsize < LEAST_BYTES or not has_inodes


def _engine(path: Path, mode: str, begin: str, timeout_s: float) -> Engine:
    """Connections to the file in SQLite's `mode`, each transaction started with `begin`."""

    def connect() -> sqlite3.Connection:
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        # No isolation level: sqlite3 then leaves the start of transactions to us, DDL included.
        connection = sqlite3.connect(
            uri, uri=True, timeout=timeout_s, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)
    event.listen(engine, "begin", lambda connection: _execute(connection, begin))
    return engine


def _pragma(connection: Connection, setting: str) -> tuple[Any, ...]:
    """Set what SQLite lets be set only between transactions; what it answers."""
    cursor = connection.connection.cursor()
    answer = cursor.execute(f"PRAGMA {setting}").fetchone()
    cursor.close()
    return answer or ()


def _execute(connection: Connection, statement: str) -> None:
    """Run it past SQLAlchemy, which takes ten times as long."""
    cursor = connection.connection.cursor()
    cursor.execute(statement)
    cursor.close()
