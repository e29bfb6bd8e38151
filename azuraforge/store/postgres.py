"""PostgreSQL by URL; one writer at any time by an advisory lock that ends with its transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from azuraforge.errors import AzuraForgeError, ConfigError, HomeError, RefusedError, ServiceError
from azuraforge.store.database import Database

try:
    import psycopg
except ImportError as error:
    raise ConfigError(
        "a PostgreSQL database was asked for, but psycopg is not installed; "
        "install azuraforge[postgres]"
    ) from error

WRITER = 0x617A757261  # "azura": the key of the advisory lock, which is the database's own
SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
FULL, READ_ONLY, LOCKED, NO_LOGIN = "53100", "25006", "55P03", "28"
NUL = "NUL (0x00)"
UTF8 = {"client_encoding": "utf8"}  # whatever the database itself is kept in


class PostgreSQL(Database):
    """The database of this URL, `postgresql://user:password@host/name`.

    Raises: ConfigError for a URL that is none, or a user it does not let in; ServiceError, then and
            later, where the server does not answer; HomeError where its disk is full.
    """

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        parsed = _parsed(url)
        readers = create_engine(
            parsed,
            connect_args=UTF8,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
        writer = create_engine(parsed, connect_args=UTF8)
        super().__init__(str(parsed.set(drivername="postgresql")), writer, readers)
        try:
            self._upgrade()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that is committed as a whole, or not at all if its block raises."""
        with self._explained(self._writer), self._writer.begin() as connection:
            connection.exec_driver_sql(
                f"SET LOCAL lock_timeout = {max(int(self._timeout_s * 1000), 1)};"
                f"SET LOCAL synchronous_commit = {'on' if durable else 'off'};"
                f"SELECT pg_advisory_xact_lock({WRITER})"
            )
            yield connection

    @contextmanager
    def _migrated(self) -> Iterator[Connection]:
        with self.write() as connection:
            yield connection

    def _told(self, cause: BaseException | None) -> AzuraForgeError | None:
        if not isinstance(cause, psycopg.Error):
            return None
        code, said = cause.sqlstate or "", " ".join(str(cause).split())
        if code == FULL:
            return HomeError(
                f"{self.place}: no room left on the server's disk ({said}); nothing half-written "
                "was kept; free some room"
            )
        if code == LOCKED:
            return HomeError(
                f"{self.place}: another process has been writing for {self._timeout_s:g} s; "
                "see which program uses this database"
            )
        if code == READ_ONLY:
            return HomeError(f"{self.place}: it cannot be written ({said}); name its primary")
        if NUL in said:
            return RefusedError(f"{self.place}: {said}; leave them out")
        if code.startswith(NO_LOGIN):
            return ConfigError(f"{self.place}: {said}; AZURAFORGE_DATABASE names user and password")
        if isinstance(cause, psycopg.OperationalError):
            return ServiceError(f"{self.place}: the server does not answer ({said}); try again")
        return None


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise ConfigError("the database's URL cannot be read; allowed: "
                          "postgresql://user:password@host/name") from error  # fmt: skip
    if parsed.drivername not in SCHEMES:
        raise ConfigError(
            f"database: got a URL of {parsed.drivername!r}; allowed: "
            "postgresql://user:password@host/name, or none for SQLite in the home folder"
        )
    return parsed.set(drivername="postgresql+psycopg")
