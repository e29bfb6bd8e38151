"""Processes that do one piece of work, tell how far they are, and can be killed anywhere in it.

They are forked from a server that has imported what the work needs, so that one costs milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from azuraforge.chaos.row import Case

PRELOADED = [
    "azuraforge.chaos.work",
    "azuraforge.actors.runtimes.local",
    "azuraforge.engine.kernels.linear",  # and with it the compiler
]
PR_SET_PDEATHSIG = 1
LOOK_S = 0.02  # between looks at what a child prints
PATIENCE_S = 120.0  # for a child that says nothing: then the row fails

_numbers = count(1)

Tell = Callable[[object], None]
Work = Callable[..., None]  # work(tell, *arguments): a function of a module, which pickle can name


class Child:
    """A process that does `work(tell, *arguments)` once it is let."""

    def __init__(self, case: Case, work: Work, *arguments: object) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._ours, theirs = context.Pipe()
        self.work = work
        self.log = case.folder / f"child-{next(_numbers)}.log"
        self._process = context.Process(
            target=_live, args=(theirs, str(self.log), work, arguments), daemon=True
        )
        self._process.start()
        theirs.close()
        case.undo.callback(self.kill)
        self.hear()  # it is there, and waits

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def exit_status(self) -> int | None:
        """Its status, below zero the signal it died of; None while it lives."""
        return self._process.exitcode

    def begin(self) -> None:
        """Let it do its work."""
        self._ours.send(None)

    def hear(self, timeout_s: float = PATIENCE_S) -> Any:
        """What it tells next; EOFError when it has ended. Raises: TimeoutError."""
        try:
            if not self._ours.poll(timeout_s):
                raise TimeoutError(f"a process of this row said nothing for {timeout_s:g} s")
            return self._ours.recv()
        except (EOFError, ConnectionResetError):
            raise EOFError(f"a process of this row has ended: {self.last_words()}") from None

    def has_told(self, timeout_s: float = 0.0) -> bool:
        """Whether there is something to hear, the end included."""
        return self._ours.poll(timeout_s)

    def told(self) -> Iterator[Any]:
        """Everything it tells until its end."""
        try:
            while True:
                yield self.hear()
        except EOFError:
            self._process.join()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, unless it has ended."""
        self._process.kill()
        self._process.join()

    def wait_until(self, said: str) -> None:
        """Wait until it has printed this, or has ended. Raises: TimeoutError."""
        give_up_at = time.monotonic() + PATIENCE_S
        while said not in self.printed() and self.exit_status is None:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"a process of this row did not say {said!r}")
            time.sleep(LOOK_S)

    def printed(self) -> str:
        """What it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def last_words(self) -> str:
        """The end of what it printed, for a message about its death."""
        return self.printed().strip().rpartition("\n")[2]


def _live(connection: Connection, log: str, work: Work, arguments: tuple[object, ...]) -> None:
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # never outlive the row
    descriptor = os.open(Path(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    logging.basicConfig(level=logging.INFO)

    connection.send(None)
    connection.recv()
    work(connection.send, *arguments)
