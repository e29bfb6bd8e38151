"""The power is cut: what was acknowledged is on the disk.

The disk is a file with an ext4 that does not save careless writers (noauto_da_alloc). Its shutdown
ioctl lets go of all that was not synced, as a cut does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import time
from collections.abc import Iterator
from typing import Any

from azuraforge.actors.recording.registry import Registry
from azuraforge.chaos import journal
from azuraforge.chaos.child import Child
from azuraforge.chaos.mounting import command
from azuraforge.chaos.row import Case
from azuraforge.chaos.runs import Runs
from azuraforge.chaos.specs import chaos
from azuraforge.chaos.work import append, content, put, register
from azuraforge.store.blobs import Blobs

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2  # as a cut: not even the file system's own log is written out
SIZE_MB = 48
MOST_WAIT_S = 0.3  # until the cut
LONGEST_S = 1.5  # where a run has to be built first
MANY = 1_000_000
CARELESS = "written and never synced"


class Disk:
    """A file mounted as a disk of its own, whose power can be cut."""

    def __init__(self, case: Case) -> None:
        self.folder = case.folder / "disk"
        self.folder.mkdir()
        self._image = case.folder / "disk.ext4"
        self._is_mounted = False
        with self._image.open("wb") as file:
            file.truncate(SIZE_MB << 20)
        command("mkfs.ext4", "-q", "-E", "lazy_itable_init=0", str(self._image))
        case.undo.callback(self._unmount)
        self._mount()

    def cut(self) -> None:
        """Lose the power: nothing that is not on the disk comes there any more."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def restart(self) -> None:
        """Have the power back, and what is on the disk."""
        self._unmount()
        self._mount()

    def _mount(self) -> None:
        options = "loop,noauto_da_alloc,commit=300"
        command("mount", "-o", options, str(self._image), str(self.folder))
        self._is_mounted = True

    def _unmount(self) -> None:
        if self._is_mounted:
            command("umount", str(self.folder))
            self._is_mounted = False


def of_the_journal(case: Case) -> Iterator[str]:
    """The power is cut while events are appended; every acknowledged one is there, once."""
    disk = Disk(case)
    for number in range(case.times):
        home = disk.folder / str(number)
        run = journal.new_run(home)
        batch = case.rng.choice((1, 7, 50))
        told = _cut(case, disk, Child(case, append, home, run, 1, MANY, batch))
        found = journal.held(home, run)
        wrong = _careful(disk) or journal.broken(found, max(told, default=0))
        yield f"after {len(told)} acknowledgements: {wrong}" if wrong else ""
        shutil.rmtree(home)


def of_blobs(case: Case) -> Iterator[str]:
    """The power is cut while checkpoints are saved; every acknowledged one loads."""
    disk = Disk(case)
    for number in range(case.times):
        home = disk.folder / str(number)
        size = case.rng.choice((1, 10_000, 500_000))
        told = _cut(case, disk, Child(case, put, home, number, MANY, size))
        wrong = _careful(disk) or _lost(Blobs(home), told, number, size)
        yield f"after {len(told)} acknowledgements: {wrong}" if wrong else ""
        shutil.rmtree(home, ignore_errors=True)  # there is none where the cut came first


def of_the_registry(case: Case) -> Iterator[str]:
    """The power is cut while runs begin and models are registered; all acknowledged are there."""
    disk = Disk(case)
    for number in range(case.times):
        home = disk.folder / str(number)
        home.mkdir()
        Registry(home).close()  # its database takes longer to make than the power is on
        told = _cut(case, disk, Child(case, register, home, MANY))
        registry = Registry(home)
        runs = {record.id: record for record in registry.runs(limit=MANY)}
        versions = {version.run for version in registry.models()}
        registry.close()
        lost = [run for run in told if run not in runs or run not in versions]
        wrong = _careful(disk) or (f"lost: {', '.join(lost)}" if lost else "")
        yield f"after {len(told)} acknowledgements: {wrong}" if wrong else ""
        shutil.rmtree(home)


def of_a_run(case: Case) -> Iterator[str]:
    """The power is cut in the midst of a run; it ends as if nothing had happened."""
    disk = Disk(case)
    home = disk.folder / "home"
    runs = Runs(case, chaos(case), home=home)
    for _ in range(case.times):
        told = _cut(case, disk, runs.child(runs.spec), LONGEST_S)
        if told:  # else the power was cut before there was a run
            runs.resumed(told[0])
        yield _careful(disk) or (runs.broken(told[0]) if told else "")


def _cut(case: Case, disk: Disk, child: Child, most_wait_s: float = MOST_WAIT_S) -> list[Any]:
    """What the child told until the power was cut, at some moment after it began.

    What it tells after the cut began does not count: a sync that is on at that moment may still be
    said to have succeeded, by a machine that is dead already.
    """
    (disk.folder / CARELESS).unlink(missing_ok=True)
    child.begin()
    cut_at = time.monotonic() + case.rng.uniform(0, most_wait_s)
    told = []
    with contextlib.suppress(EOFError):  # it has done all it had to before the cut
        while (left_s := cut_at - time.monotonic()) > 0:
            if child.has_told(left_s):
                told.append(child.hear())
    (disk.folder / CARELESS).write_bytes(CARELESS.encode())
    disk.cut()
    child.kill()
    disk.restart()
    case.figures["acknowledged"] = case.figures.get("acknowledged", 0) + len(told)
    return told


def _careful(disk: Disk) -> str:
    """What is wrong with the cut: a file that nobody synced must be lost with it."""
    path = disk.folder / CARELESS
    kept = path.exists() and path.read_bytes() == CARELESS.encode()
    return "the power was not really cut: a file never synced is whole" if kept else ""


def _lost(blobs: Blobs, told: list[str], seed: int, size: int) -> str:
    for number, name in enumerate(told):
        if name not in blobs:
            return f"blob {number} was acknowledged, and is not there"
        if blobs.get(name) != content(seed + number, size):
            return f"blob {number} is another"
    return ""
