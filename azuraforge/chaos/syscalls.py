"""Killed at each call of the system: what was acknowledged is there, nothing is there by half."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from azuraforge.chaos import journal
from azuraforge.chaos.child import Child
from azuraforge.chaos.row import Case
from azuraforge.chaos.runs import Runs
from azuraforge.chaos.specs import chaos
from azuraforge.chaos.strace import Call, calls_in, traced
from azuraforge.chaos.work import append, content, put
from azuraforge.errors import NotFoundError
from azuraforge.store.blobs import Blobs

SIZE = 200_000  # of a checkpoint: several writes where one takes less than it is given
BATCH = 5


def of_a_save(case: Case) -> Iterator[str]:
    """A save dies at each of its calls; the one before loads, the new one is whole or not there."""
    calls = _calls(case, lambda home: Child(case, put, home, 1, 1, SIZE))
    for number in range(case.times):
        call, home = calls[number % len(calls)], case.folder / str(number)
        last = Blobs(home).put(content(0, SIZE))
        told = list(_killed(case, Child(case, put, home, 1, 1, SIZE), call))
        wrong = _broken_save(Blobs(home), last, told)
        yield f"killed at {call.name} {call.nth}: {wrong}" if wrong else ""


def of_an_append(case: Case) -> Iterator[str]:
    """An append dies at each of its calls; what was acknowledged is there, and it goes on."""

    def child(home: Path) -> Child:
        return Child(case, append, home, journal.new_run(home), 1, BATCH, 1)

    calls = _calls(case, child)
    for number in range(case.times):
        call, home = calls[number % len(calls)], case.folder / str(number)
        run = journal.new_run(home)
        told = [0, *_killed(case, Child(case, append, home, run, 1, BATCH, 1), call)]
        wrong = journal.broken(journal.held(home, run), told[-1])
        append(lambda _: None, home, run, 1, 2 * BATCH, BATCH)  # sends again what it may know
        wrong = wrong or journal.broken(journal.held(home, run), 2 * BATCH)
        yield f"killed at {call.name} {call.nth}: {wrong}" if wrong else ""


def of_a_run(case: Case) -> Iterator[str]:
    """A run's process dies at a call to the disk; the run ends as if nothing had happened."""
    runs = Runs(case, chaos(case))
    calls = _calls(case, lambda _: runs.child(runs.spec))
    for _ in range(case.times):
        call = case.rng.choice(calls)
        told = _killed(case, runs.child(runs.spec), call)
        if told:  # else it died before there was a run
            runs.resumed(told[0])
        wrong = runs.broken(told[0]) if told else ""
        yield f"killed at {call.name} {call.nth}: {wrong}" if wrong else ""


def _calls(case: Case, child_in: Callable[[Path], Child]) -> list[Call]:
    """The calls of the work when nothing goes wrong."""
    log = case.folder / "calls"
    child = child_in(case.folder / "undisturbed")
    with traced(child, log):
        child.begin()
        list(child.told())
    return calls_in(log, case.folder)


def _killed(case: Case, child: Child, call: Call) -> list[Any]:
    """What the child told before it died at the call."""
    inject = f"{call.name}:signal=KILL:when={call.nth}"
    with traced(child, case.folder / "calls", inject):
        child.begin()
        return list(child.told())


def _broken_save(blobs: Blobs, last: str, told: list[str]) -> str:
    if hashlib.sha256(blobs.get(last)).hexdigest() != last:
        return "the last checkpoint is another"
    new = content(1, SIZE)
    name = hashlib.sha256(new).hexdigest()
    try:
        blobs.get(name)  # refuses what is there by half
    except NotFoundError:
        if told:
            return "the checkpoint was acknowledged, and is not there"
    return "" if blobs.get(blobs.put(new)) == new else "the checkpoint cannot be saved again"
