"""One bit of a file is another: what is read is what was written, or it is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

from azuraforge.chaos import journal
from azuraforge.chaos.row import Case
from azuraforge.chaos.work import append, content
from azuraforge.errors import AzuraForgeError, DataError
from azuraforge.store.blobs import Blobs

MOST_BYTES = 100_000
EVENTS = 300


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
