"""The registry's database: one writer at any time across processes, readers that never wait.

SQLite in the home folder (sqlite.py), or PostgreSQL by URL (postgres.py); open.py tells which.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from azuraforge.errors import AzuraForgeError, HomeError

HEAD = "0003"  # the newest migration; a test keeps it so
VERSION = "SELECT version_num FROM alembic_version"
MIGRATIONS = Path(__file__).parent / "migrations"


class Database(ABC):
    """A database, opened and brought up to date; `place` says where it is.

    Raises: HomeError, then and later, where the disk or the file does not let it do its work;
            ServiceError where its server does not answer.
    """

    def __init__(self, place: str, writer: Engine, readers: Engine) -> None:
        self.place = place
        self._writer = writer
        self._readers = readers

    @abstractmethod
    def write(self, *, durable: bool = True) -> AbstractContextManager[Connection]:
        """A transaction that is committed as a whole, or not at all if its block raises.

        A power cut may take back one that is not `durable`, but never part of it, and none before.
        """

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """What was committed before this moment, unchanging while it is read."""
        with self._explained(self._readers), self._readers.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._readers.dispose()
        self._writer.dispose()

    @abstractmethod
    def _migrated(self) -> AbstractContextManager[Connection]:
        """The transaction in which migrations run, while nobody else writes."""

    @abstractmethod
    def _told(self, cause: BaseException | None) -> AzuraForgeError | None:
        """What an error of the driver is to a user; None where it is a bug of ours."""

    def _upgrade(self) -> None:
        if self._is_up_to_date():
            return  # without waiting for a writer, nor importing Alembic
        with self._migrated() as connection:
            if not self._is_up_to_date():  # else another process has just done it
                _migrate(connection)

    def _is_up_to_date(self) -> bool:
        with self._explained(self._readers):
            version = self._version()
        if version is not None and version > HEAD:
            raise HomeError(
                f"{self.place}: version {version} was written by a newer AzuraForge, this one "
                f"knows {HEAD}; update AzuraForge or set AZURAFORGE_HOME to another folder"
            )
        return version == HEAD

    def _version(self) -> str | None:
        try:
            with self._readers.connect() as connection, connection.begin():
                found: str | None = connection.scalar(text(VERSION))
        except (OperationalError, ProgrammingError):
            return None  # no file or table yet, or in the making: wait for the lock and see
        return found

    @contextmanager
    def _explained(self, engine: Engine) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            told = self._told(cause)
            if told is None:
                raise
            self._let_go(engine)
            raise told from error

    def _let_go(self, engine: Engine) -> None:
        """Close the connections that an error of one makes useless: those to a server, all."""
        self._writer.dispose()
        self._readers.dispose()


def _migrate(connection: Connection) -> None:
    from alembic import command  # slow to import, and only a new or an old database needs it
    from alembic.config import Config

    config = Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection})
    command.upgrade(config, "head")
