"""The registry's database: one writer at any time across processes, readers that never wait.

SQLite before 3.51.3 can lose a commit when two connections write or checkpoint at the same moment
(the "WAL-reset bug"), so every writing transaction, a migration too, holds an flock. SQLite folds
its log into the database inside a commit, or at the close of the last connection there is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from azuraforge.errors import HomeError
from azuraforge.store.home import unusable
from azuraforge.store.lock import Lock

HEAD = "0003"  # the newest migration; a test keeps it so
FILE = "registry.sqlite"
VERSION = "SELECT version_num FROM alembic_version"
MIGRATIONS = Path(__file__).parent / "migrations"
EXPLANATIONS = {
    sqlite3.SQLITE_FULL: "no room left on the disk; free some room",
    sqlite3.SQLITE_READONLY: "it cannot be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "the disk failed or has no room left",
    sqlite3.SQLITE_BUSY: "another program holds it",
    sqlite3.SQLITE_NOTADB: "it is not a database",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put a copy back",
}


class Database:
    """The database of a home folder, opened and brought up to date.

    Raises: HomeError, then and later, where the disk or the file does not let it do its work.
    """

    def __init__(self, home: Path, *, timeout_s: float = 30.0) -> None:
        self.path = home / FILE
        try:
            self._lock = Lock(home / "registry.lock", timeout_s=timeout_s)
        except OSError as error:
            raise unusable(home, error) from error
        self._writer = _engine(self.path, "rwc", "BEGIN IMMEDIATE", timeout_s)
        self._readers = _engine(self.path, "ro", "BEGIN", timeout_s)
        self._has_failed = False  # a write since SQLite's log was begun
        try:
            self._upgrade()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that is committed as a whole, or not at all if its block raises.

        A power cut may take back one that is not `durable`, but never part of it, and none before.
        """
        mode = "FULL" if durable else "NORMAL"
        with self._lock.held(), self._explained(self._writer):
            if self._has_failed:
                self._begin_log_anew()
            with self._writer.connect() as connection:
                _pragma(connection, f"synchronous = {mode}")
                with connection.begin():
                    yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """What was committed before this moment, unchanging while it is read."""
        readers = self._readers
        with self._explained(readers), readers.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._readers.dispose()
        self._writer.dispose()
        self._lock.close()

    def _upgrade(self) -> None:
        if self._is_up_to_date():
            return  # without waiting for a writer, nor importing Alembic
        with self._lock.held():
            if self._is_up_to_date():
                return  # another process has just done it
            with self._explained(self._writer), self._writer.connect() as connection:
                _pragma(connection, "journal_mode = WAL")
                _pragma(connection, "foreign_keys = OFF")  # a table made anew keeps its children
                with connection.begin():
                    _migrate(connection)
                    _refuse_orphans(connection, self.path)
                _pragma(connection, "foreign_keys = ON")

    def _is_up_to_date(self) -> bool:
        with self._explained(self._readers):
            version = self._version()
        if version is not None and version > HEAD:
            raise HomeError(
                f"{self.path}: version {version} was written by a newer AzuraForge, this one knows "
                f"{HEAD}; update AzuraForge or set AZURAFORGE_HOME to another folder"
            )
        return version == HEAD

    def _version(self) -> str | None:
        try:
            with self._readers.connect() as connection, connection.begin():
                found: str | None = connection.scalar(text(VERSION))
        except OperationalError:
            return None  # no file or table yet, or in the making: wait for the lock and see
        return found

    def _begin_log_anew(self) -> None:
        """Fold SQLite's log into the database, and empty it; whatever fails of that is raised.

        The system takes pages that it failed to sync for clean: a later sync of the same log would
        succeed, and what it acknowledged would hang on pages that are not on the disk.
        """
        with self._writer.connect() as connection:  # readers stay: they know where the log ended
            if _pragma(connection, "wal_checkpoint(TRUNCATE)")[0]:
                raise HomeError(
                    f"{self.path}: a write has failed, and another program that reads keeps the "
                    "log from being begun anew; end what has been reading for long"
                )
        self._has_failed = False

    @contextmanager
    def _explained(self, engine: Engine) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error, UnicodeDecodeError) as error:  # see _reason
            cause = error.orig if isinstance(error, DBAPIError) else error
            reason = _reason(cause)
            if reason is None:
                raise
            engine.dispose()  # after a failed sync this descriptor's cache is not to be trusted
            self._has_failed |= engine is self._writer
            raise HomeError(
                f"{self.path}: {reason} ({cause}); nothing half-written was kept; "
                "AZURAFORGE_HOME names another home folder"
            ) from error


def _reason(cause: BaseException | None) -> str | None:
    """What an error of SQLite means to a user; None where it is a bug of ours.

    It comes without SQLAlchemy's around it from a pragma; a damaged name of a table or column does
    not even decode, and of a damaged text sqlite3 says so itself, without a code.
    """
    if isinstance(cause, UnicodeDecodeError):
        return EXPLANATIONS[sqlite3.SQLITE_CORRUPT]
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code == 0 and "Could not decode" in str(cause):
        code = sqlite3.SQLITE_CORRUPT
    return EXPLANATIONS.get(code)


def _migrate(connection: Connection) -> None:
    from alembic import command  # slow to import, and only a new or an old database needs it
    from alembic.config import Config

    config = Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection})
    command.upgrade(config, "head")


def _refuse_orphans(connection: Connection, path: Path) -> None:
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if orphans:
        tables = ", ".join(sorted({row[0] for row in orphans}))
        raise HomeError(f"{path}: rows of {tables} refer to rows that are not there; nothing was "
                        "changed; put a copy back")  # fmt: skip


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
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _pragma(connection: Connection, setting: str) -> tuple[Any, ...]:
    """Set what SQLite lets be set only between transactions; what it answers."""
    cursor = connection.connection.cursor()
    answer = cursor.execute(f"PRAGMA {setting}").fetchone()
    cursor.close()
    return answer or ()
