"""A lock that one process at a time holds, and in it one thread."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from azuraforge.errors import HomeError

POLL_S = 0.002


class Lock:
    """An flock on a file; the system lets go of it when its holder dies, however it dies."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._file = path.open("ab")
        self._thread = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock and hold it.

        Raises: HomeError if somebody else holds it for longer than the timeout.
        """
        give_up_at = time.monotonic() + self._timeout_s
        if not self._thread.acquire(timeout=self._timeout_s):
            raise self._taken("another thread")
        try:
            while not self._taken_now():
                if time.monotonic() > give_up_at:
                    raise self._taken("another process")
                time.sleep(POLL_S)  # flock itself knows no timeout
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._thread.release()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _taken_now(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _taken(self, by: str) -> HomeError:
        return HomeError(
            f"{self._path}: {by} has been writing for {self._timeout_s:g} s; "
            "see which program uses this home folder, or set AZURAFORGE_HOME to another folder"
        )
