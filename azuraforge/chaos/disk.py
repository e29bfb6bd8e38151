"""The disk has no room left, or no inodes: refused with the reason, and on again once it has."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from azuraforge.actors.recording.registry import Registry
from azuraforge.chaos import journal
from azuraforge.chaos.mounting import command
from azuraforge.chaos.row import Case
from azuraforge.chaos.runs import Runs
from azuraforge.chaos.specs import chaos
from azuraforge.chaos.work import content
from azuraforge.errors import HomeError, NoRoomError
from azuraforge.store.blobs import Blobs

SIZE_BYTES = 8 << 20
INODES = 200
ROOM_BYTES = 100_000  # left at most: a save or a few appends fit, or do not
BATCH = 50
WAITS = "waits for room"
LOOK_S = 0.05  # between looks whether it says so
MOST_EVENTS = 5_000  # a disk without inodes may have room for many


class Small:
    """A file system in memory that is soon full, of bytes or of inodes."""

    def __init__(self, case: Case) -> None:
        self.folder = case.folder / "small"
        self.folder.mkdir()
        options = f"size={SIZE_BYTES},nr_inodes={INODES}"
        command("mount", "-t", "tmpfs", "-o", options, "chaos", str(self.folder))
        case.undo.callback(command, "umount", str(self.folder))
        self._ballast = self.folder / "ballast"
        self._ballast.mkdir()

    def fill(self, rng: Random) -> str:
        """Leave a little, or nothing, of bytes or of inodes; says what."""
        if rng.random() < 0.5:
            leave = rng.choice((0, rng.randint(1, ROOM_BYTES)))
            with contextlib.suppress(OSError), (self._ballast / "bytes").open("wb") as file:
                while True:  # somebody else may be writing, or letting go of something
                    free = os.statvfs(self.folder)
                    size = os.fstat(file.fileno()).st_size
                    if (more := free.f_bavail * free.f_bsize - leave) <= 0:
                        break
                    os.posix_fallocate(file.fileno(), size, more)
            return f"{leave} bytes left"
        leave = rng.randint(0, 4)
        with contextlib.suppress(OSError):  # full before we had counted: somebody else writes
            for number in range(os.statvfs(self.folder).f_favail - leave):
                (self._ballast / str(number)).touch()
        return f"{leave} inodes left"

    def free(self) -> None:
        """Have room again."""
        for path in self._ballast.iterdir():
            path.unlink()


def of_blobs(case: Case) -> Iterator[str]:
    """Blobs are kept until there is no room; nothing half-written is left, and then it goes on."""
    small = Small(case)
    blobs = Blobs(small.folder / "home")
    before = blobs.put(content(-1, 1000))
    for number in range(case.times):
        new = content(number, case.rng.randint(1, 2 * ROOM_BYTES))
        how = small.fill(case.rng)
        wrong = _refused(partial(blobs.put, new), case) or _left_behind(small.folder)
        small.free()
        name = blobs.put(new)
        if not wrong and (blobs.get(name) != new or blobs.get(before) != content(-1, 1000)):
            wrong = "a blob is another"
        blobs.delete(name, put_before=math.inf)
        yield f"{how}: {wrong}" if wrong else ""


def of_the_journal(case: Case) -> Iterator[str]:
    """Events are appended until there is no room; all acknowledged are there, and it goes on."""
    small = Small(case)
    for number in range(case.times):
        home = small.folder / str(number)
        run = journal.new_run(home)
        registry = Registry(home)
        how = small.fill(case.rng)
        known, wrong = 0, ""
        while not wrong and known < MOST_EVENTS:
            new = partial(registry.append, run, known + 1, journal.events(known + 1, BATCH))
            refused = case.figures.get("refused", 0)
            wrong = _refused(new, case)
            if case.figures.get("refused", 0) > refused:
                break
            known += BATCH
        wrong = wrong or journal.broken(journal.held(home, run), known)  # and it can still be read
        small.free()
        registry.append(run, known + 1, journal.events(known + 1, BATCH))
        registry.close()
        wrong = wrong or journal.broken(journal.held(home, run), known + BATCH)
        yield f"{how}, after {known} events: {wrong}" if wrong else ""
        shutil.rmtree(home)


def of_a_run(case: Case) -> Iterator[str]:
    """The disk is full in the midst of a run; it waits, says so, and ends as if it never had."""
    small = Small(case)
    runs = Runs(case, chaos(case), home=small.folder / "home")
    for _ in range(case.times):
        after = case.rng.randrange(1, runs.undisturbed.events)
        child, run, told = runs.begun(runs.spec, after)
        how = small.fill(case.rng)
        while told[-1] != "finished" and WAITS not in child.printed():
            told += [child.hear()] if child.has_told(LOOK_S) else []
        small.free()
        case.figures["waited"] = case.figures.get("waited", 0) + (WAITS in child.printed())
        told += child.told()
        child.log.unlink()
        wrong = runs.broken(run) if told[-1] == "finished" else f"did not go on: {told[-1]}"
        yield f"{how}: {wrong}" if wrong else ""


def _refused(write: Callable[[], object], case: Case) -> str:
    """What is wrong with how it was written or refused."""
    try:
        write()
    except NoRoomError:
        case.figures["refused"] = case.figures.get("refused", 0) + 1
    except HomeError as error:
        return f"refused without the reason: {error}"
    return ""


def _left_behind(folder: Path) -> str:
    left = sorted(path.name for path in folder.rglob("unfinished-*"))
    return f"left behind: {', '.join(left)}" if left else ""
