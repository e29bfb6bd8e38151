"""A PostgreSQL of Debian's packages, started for the tests and gone with them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
OPTIONS = "-N -U postgres -A trust -E UTF8 --no-locale".split()
SETTINGS = [  # quiet once it is up: nobody reads on
    *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40"),
    *("-c", "log_min_messages=log", "-c", "log_checkpoints=off"),
]


class Server(NamedTuple):
    """A running server; its databases are made by the process that asks for them."""

    folder: Path
    numbers: Iterator[int]

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def new_database(self, template: str = "template1") -> str:
        """The URL of a new database that is a copy of the template."""
        name = f"test_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def server() -> Iterator[Server]:
    """A server on a Unix socket, by a user of its own: it refuses to run as root."""
    if not BINARIES:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql; apt-get install postgresql")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    folder = Path(tempfile.mkdtemp(prefix="azf-pg-", dir="/tmp"))  # short: it is a socket's path
    try:
        user = _user(folder)
        command = [str(BINARIES[-1] / "initdb"), "-D", str(folder / "data"), *OPTIONS]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **user)
        with _running(folder, user):
            yield Server(folder, count())
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(folder: Path, user: dict[str, Any]) -> Iterator[None]:
    """The server, as a child of ours: pg_ctl would wait for somebody to bury it."""
    command = [str(BINARIES[-1] / "postgres"), "-D", str(folder / "data"), "-k", str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, *SETTINGS], stderr=pipe, text=True, cwd="/", **user
    ) as process:
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if "ready to accept connections" in line:
                break
        else:
            pytest.fail(f"PostgreSQL did not start: {''.join(told)}")
        try:
            yield
        finally:
            process.send_signal(signal.SIGQUIT)  # at once


def _user(folder: Path) -> dict[str, Any]:
    """Whom to run as, the folder given to them: nobody else where this is not root."""
    if os.getuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
