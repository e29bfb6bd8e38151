from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from azuraforge.errors import HomeError
from azuraforge.store import collection
from azuraforge.store.blobs import Blobs, MemoryBlobs
from azuraforge.store.collection import collect

HOUR = 3600.0
DATA = [bytes([n]) * (n + 1) for n in range(6)]
FEW = st.integers(0, 1)
NAMES = [hashlib.sha256(data).hexdigest() for data in DATA]


def referring_to(*names: str):
    @contextmanager
    def held() -> Iterator[set[str]]:
        yield set(names)

    return held


def aged(blobs: Blobs, seconds: float) -> None:
    """Let everything among the blobs be this much older."""
    for path in blobs.folder.rglob("*"):
        at = path.stat().st_mtime - seconds
        os.utime(path, (at, at))


def test_old_blobs_that_nothing_refers_to_go_and_all_others_stay(tmp_path, clock):
    blobs = MemoryBlobs(clock)
    blobs.put_parts([DATA[0]])
    blobs.put_parts([DATA[1]])
    clock.advance(2 * HOUR)
    blobs.put_parts([DATA[2]])

    told = collect(referring_to(NAMES[1]), blobs, older_than_s=HOUR, now=clock())

    assert told.blobs == [NAMES[0]]
    assert (told.freed_bytes, told.kept, told.kept_bytes) == (1, 2, 2 + 3)
    assert {entry.sha256 for entry in blobs.names()} == {NAMES[1], NAMES[2]}


def test_a_dry_run_tells_the_same_and_deletes_nothing(tmp_path):
    blobs = Blobs(tmp_path)
    names = [blobs.put(data) for data in DATA]
    (blobs.folder / NAMES[0][:2] / "unfinished-x").write_bytes(b"half")
    aged(blobs, HOUR)
    now = next(blobs.names()).modified_at + HOUR
    referring = referring_to(names[3])

    dry = collect(referring, blobs, older_than_s=HOUR / 2, now=now, is_dry_run=True)
    assert len(list(blobs.names())) == len(DATA)
    real = collect(referring, blobs, older_than_s=HOUR / 2, now=now)

    assert sorted(real.blobs) == sorted(dry.blobs) == sorted({*names} - {names[3]})
    assert real.unfinished == dry.unfinished == [f"{NAMES[0][:2]}/unfinished-x"]
    assert real.freed_bytes == dry.freed_bytes == 21 - 4 + 4
    assert [entry.sha256 for entry in blobs.names()] == [names[3]]
    assert list(blobs.strays()) == []


def test_what_a_writer_is_at_and_what_is_somebody_elses_stays(tmp_path):
    blobs = Blobs(tmp_path)
    blobs.put(DATA[0])
    (blobs.folder / "README").write_bytes(b"mine")
    aged(blobs, 2 * HOUR)
    now = next(blobs.names()).modified_at + 2 * HOUR
    young = blobs.folder / NAMES[0][:2] / "unfinished-y"
    young.write_bytes(b"half")
    os.utime(young, (now, now))

    told = collect(referring_to(NAMES[0]), blobs, older_than_s=HOUR, now=now)

    assert told.unfinished == []
    assert {stray.place for stray in blobs.strays()} == {"README", f"{NAMES[0][:2]}/unfinished-y"}


def test_the_writer_waits_for_a_few_blobs_at_a_time_and_is_asked_anew(clock, monkeypatch):
    monkeypatch.setattr(collection, "BATCH", 2)
    blobs = MemoryBlobs(clock)
    for data in DATA:
        blobs.put(data)
    clock.advance(2 * HOUR)
    held: list[set[str]] = []

    @contextmanager
    def references() -> Iterator[set[str]]:
        held.append({entry.sha256 for entry in blobs.names()})
        yield {NAMES[5]} if len(held) == 3 else set()  # referred to since the last look

    collect(references, blobs, older_than_s=HOUR, now=clock())

    assert [len(present) for present in held] == [6, 4, 2]
    assert [entry.sha256 for entry in blobs.names()] == [NAMES[5]]


def test_references_that_cannot_be_read_delete_nothing(clock):
    blobs = MemoryBlobs(clock)
    blobs.put(DATA[0])
    clock.advance(2 * HOUR)

    @contextmanager
    def references() -> Iterator[set[str]]:
        raise HomeError("the disk failed")
        yield set()

    with pytest.raises(HomeError):
        collect(references, blobs, older_than_s=HOUR, now=clock())

    assert NAMES[0] in blobs


class Interleavings(RuleBasedStateMachine):
    """A Trainer, a Registry and a collection at once: each acts at any moment of the others.

    The collection stands wherever it calls out (for names, references, a deletion); there the
    others go on. They keep to the one rule: an event names a blob put within the hour.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.blobs = MemoryBlobs(lambda: self.now)
        self.put_at: dict[str, float] = {}
        self.referenced: set[str] = set()
        self.is_held = False
        self.meanwhile: list[tuple[str, int]] = []

    @rule(n=FEW)
    def put(self, n: int) -> None:
        self.blobs.put(DATA[n])
        self.put_at[NAMES[n]] = self.now

    @rule(n=FEW)
    def refer(self, n: int) -> None:
        if not self.is_held and self.now - self.put_at.get(NAMES[n], -1e9) < HOUR:
            self.referenced.add(NAMES[n])

    @rule(n=FEW)
    def let_go(self, n: int) -> None:
        if not self.is_held:
            self.referenced.discard(NAMES[n])

    @rule(minutes=st.sampled_from([20, 61]))
    def wait(self, minutes: int) -> None:
        self.now += minutes * 60

    @rule(meanwhile=st.lists(st.tuples(st.sampled_from("prl"), FEW), max_size=8))
    def collect(self, meanwhile: list[tuple[str, int]]) -> None:
        self.meanwhile = meanwhile
        collect(self.references, Interrupted(self), older_than_s=HOUR, now=self.now)

    @contextmanager
    def references(self) -> Iterator[set[str]]:
        self.others()
        self.is_held = True
        yield set(self.referenced)
        self.is_held = False
        self.others()

    def others(self) -> None:
        """Whoever else is at work goes one step."""
        if self.meanwhile:
            what, n = self.meanwhile.pop()
            {"p": self.put, "r": self.refer, "l": self.let_go}[what](n)

    @invariant()
    def what_is_referred_to_is_there(self) -> None:
        assert all(name in self.blobs for name in self.referenced)


class Interrupted:
    """Blobs during whose every call somebody else does something."""

    def __init__(self, machine: Interleavings) -> None:
        self.machine = machine

    def __getattr__(self, name: str) -> object:
        self.machine.others()
        return getattr(self.machine.blobs, name)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)
