"""One bit of a file is another: what is read is what was written, or it is refused."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.training.resuming import newest
from azuraforge.chaos import journal
from azuraforge.chaos.row import Case
from azuraforge.chaos.runs import Runs
from azuraforge.chaos.specs import chaos
from azuraforge.chaos.work import append, content
from azuraforge.errors import AzuraForgeError, DataError
from azuraforge.store.blobs import Blobs

MOST_BYTES = 100_000
EVENTS = 300
EVERY = 100  # flips of a run's checkpoint before it goes on


def in_blobs(case: Case) -> Iterator[str]:
    """A bit of a blob's file is flipped; reading it must refuse, putting it again must mend it."""
    blobs = Blobs(case.folder)
    for seed in range(case.times):
        data = content(seed, case.rng.randint(1, MOST_BYTES))
        name = blobs.put(data)
        path = next((case.folder / "blobs").rglob(name[2:]))
        place = flip(path, case.rng)
        try:
            blobs.get(name)
            yield f"{place} of a blob of {len(data)} bytes was read as if nothing were wrong"
        except DataError:
            mended = blobs.put(data) == name and blobs.get(name) == data
            yield "" if mended else f"{place}: the blob put again is still damaged"
        os.unlink(path)


def in_journal(case: Case) -> Iterator[str]:
    """A bit of the database is flipped; the journal must be read whole and right, or refused."""
    home = case.folder / "home"
    run = journal.new_run(home)
    append(lambda _: None, home, run, 1, EVENTS, 10)
    (whole,) = (path for path in home.iterdir() if path.name == "registry.sqlite")
    kept = case.folder / "kept.sqlite"
    shutil.copyfile(whole, kept)
    for _ in range(case.times):
        place = flip(whole, case.rng)
        yield _read(home, run, place)
        shutil.copyfile(kept, whole)


def in_checkpoints(case: Case) -> Iterator[str]:
    """A bit of the newest checkpoint is flipped; the one before is used, and that is said.

    Each time as a Trainer chooses it, and in the end of each hundred by a run that goes on.
    """
    runs = Runs(case, chaos(case))
    for first in range(0, case.times, EVERY):
        child, run, _ = runs.begun(runs.spec, runs.undisturbed.events // 2)
        child.kill()
        for number in range(first, min(first + EVERY, case.times)):
            yield _chosen(case, runs, run, is_last=(number + 1) % EVERY == 0)


def _chosen(case: Case, runs: Runs, run: str, *, is_last: bool) -> str:
    registry = Registry(runs.home)
    newest_one, before, *_ = (one.sha256 for one in registry.checkpoints(run) if one.is_kept)
    attempt = registry.begin_attempt(run, "chaos")
    registry.close()
    path = runs.home / "blobs" / "sha256" / newest_one[:2] / newest_one[2:]
    kept = path.read_bytes()
    place = flip(path, case.rng)
    said: list[str] = []
    with _listening(said):
        chosen = newest(attempt, Blobs(runs.home), attempt.spec)
    if chosen is None or chosen.sha256 != before:
        return f"{place}: checkpoint {chosen and chosen.sha256} was chosen, and not {before}"
    if "is lost" not in "".join(said):
        return f"{place}: nothing was said of the checkpoint that cannot be read"
    if is_last:
        runs.resumed(run)
        return runs.broken(run)
    path.write_bytes(kept)
    return ""


@contextmanager
def _listening(said: list[str]) -> Iterator[None]:
    """In the block what is logged is said to the list, and to nobody else."""
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("azuraforge")
    log.addHandler(handler)
    before, log.propagate = log.propagate, False
    try:
        yield
    finally:
        log.propagate = before
        log.removeHandler(handler)


def _read(home: Path, run: str, place: str) -> str:
    try:
        found = journal.held(home, run)
    except AzuraForgeError:
        return ""
    told = journal.broken(found, EVENTS)
    return f"{place} of the database: {told}" if told else ""


def flip(path: Path, rng: Random) -> str:
    """Flip a bit of the file; says where."""
    at, bit = rng.randrange(path.stat().st_size), rng.randrange(8)
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))
    return f"bit {bit} of byte {at}"
