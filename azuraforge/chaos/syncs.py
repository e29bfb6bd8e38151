"""A disk that fails to sync: told, nothing acknowledged, and never tried again on the same file.

After a failed fsync the pages are marked clean, so that a second one succeeds and nothing is on
the disk (Rebello et al., Can Applications Recover from fsync Failures?, ATC 2020). What is needed
goes into a file that is opened anew; SQLite's log is folded into the database and begun anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from azuraforge.chaos import journal
from azuraforge.chaos.child import Child
from azuraforge.chaos.row import Case
from azuraforge.chaos.strace import traced
from azuraforge.chaos.work import append_again, content, put_again
from azuraforge.store.blobs import Blobs

CALLS = ("fsync", "fdatasync", "close", "ftruncate", "unlink", "write")
LINE = re.compile(r"^\d+ +(?P<name>\w+)\((?P<file>\d+<[^>]*>|\"[^\"]*\").*?= (?P<result>-?\d+)")
SIZE = 50_000
EVENTS = 6


class Done(NamedTuple):
    """A call of the system as strace tells it: on which file, with which result."""

    name: str
    file: str  # 7</home/registry.sqlite>, or "/home/registry.sqlite"
    result: str

    @property
    def is_sync(self) -> bool:
        return self.name in ("fsync", "fdatasync")


def of_blobs(case: Case) -> Iterator[str]:
    """A sync of a save fails; it is told, and the save that is made again is whole."""
    for number in range(case.times):
        home = case.folder / str(number)
        told, done = _failing(case, Child(case, put_again, home, 1, SIZE), 1 + number % 6)
        wrong = _untold(told, done, acknowledgements=1) or _tried_again(done)
        if not wrong and Blobs(home).get(told[-1]) != content(1, SIZE):
            wrong = "the blob is another"
        yield wrong


def of_the_journal(case: Case) -> Iterator[str]:
    """A sync of the log fails; it is told, and it goes on with a log that is begun anew."""
    for number in range(case.times):
        home = case.folder / str(number)
        run = journal.new_run(home)
        child = Child(case, append_again, home, run, EVENTS)
        told, done = _failing(case, child, 3 + number % EVENTS)
        wrong = _untold(told, done, acknowledgements=EVENTS) or _tried_again(done)
        yield wrong or _old_log(done) or journal.broken(journal.held(home, run), EVENTS)


def _failing(case: Case, child: Child, nth: int) -> tuple[list[Any], list[Done]]:
    """What the child told, its `nth` sync failing, and what it did."""
    log = case.folder / "calls"
    inject = "fsync" if child.work is put_again else "fdatasync"
    with traced(child, log, f"{inject}:error=EIO:when={nth}", CALLS):
        child.begin()
        told = list(child.told())
    lines = log.read_text(errors="replace").splitlines()
    return told, [Done(**match.groupdict()) for line in lines if (match := LINE.match(line))]


def _untold(told: list[Any], done: list[Done], *, acknowledgements: int) -> str:
    failed = sum(call.is_sync and call.result == "-1" for call in done)
    if failed != 1:
        return f"{failed} syncs failed, and one was to"
    if len(told) != acknowledgements + 1:
        return f"a sync failed, and what was told is {told}"
    return ""


def _tried_again(done: list[Done]) -> str:
    """What is wrong: a descriptor whose sync failed is synced again before it was closed."""
    failed: set[str] = set()
    for call in done:
        if call.is_sync and call.file in failed:
            return f"{call.file} failed to sync, and was asked again"
        if call.is_sync and call.result == "-1":
            failed.add(call.file)
        if call.name == "close":
            failed.discard(call.file)
    return ""


def _old_log(done: list[Done]) -> str:
    """What is wrong: an event is acknowledged before the log that failed was folded and emptied."""
    at = next(i for i, call in enumerate(done) if call.is_sync and call.result == "-1")
    told = [i for i, call in enumerate(done) if call.name == "write" and "socket:" in call.file]
    error, acknowledged = [i for i in told if i > at][:2]
    between = done[error:acknowledged]
    folded = any(call.is_sync and call.file.endswith("registry.sqlite>") for call in between)
    emptied = any(call.name == "ftruncate" and "-wal>" in call.file for call in between)
    has_frames = told[0] < at  # else there is nothing to fold
    if emptied and (folded or not has_frames):
        return ""
    return "an event was acknowledged in the log that had failed"
