"""What a child of a row does: work that tells each thing the moment it is acknowledged."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from azuraforge.actors.registry import Registry
from azuraforge.actors.training import train_here
from azuraforge.chaos import journal
from azuraforge.chaos.child import Tell
from azuraforge.errors import HomeError
from azuraforge.schema.events import JournalEntry, Telemetry
from azuraforge.store.blobs import Blobs, open_blobs

T = TypeVar("T")
MOST_TRIES = 5


def put(tell: Tell, home: Path, seed: int, count: int, size: int) -> None:
    """Keep blobs of `size` random bytes; tells the name of each once it is kept."""
    blobs = Blobs(home)
    for number in range(count):
        tell(blobs.put(content(seed + number, size)))


def content(seed: int, size: int) -> bytes:
    """The bytes of the blob of this seed."""
    return random.Random(seed).randbytes(size)


def append(tell: Tell, home: Path, run: str, first_seq: int, count: int, batch: int) -> None:
    """Append `count` events in batches; tells the number up to which they are durable."""
    registry = Registry(home)
    for seq in range(first_seq, first_seq + count, batch):
        tell(registry.append(run, seq, journal.events(seq, batch)).durable_seq)
    registry.close()


def register(tell: Tell, home: Path, count: int) -> None:
    """Runs that begin and finish with a model; tells the id of each."""
    registry = Registry(home)
    for _ in range(count):
        run = registry.create_run(journal.SPEC).id
        registry.append(run, 1, [*journal.events(1, 2), journal.finished(1)])
        tell(run)
    registry.close()


def put_again(tell: Tell, home: Path, seed: int, size: int) -> None:
    """Keep a blob, again where that fails; tells each error, then the blob's name."""
    tell(_insisting(tell, lambda: Blobs(home).put(content(seed, size))))


def append_again(tell: Tell, home: Path, run: str, count: int) -> None:
    """Append events one by one, again where that fails; tells each error and each number."""
    registry = Registry(home)
    for seq in range(1, count + 1):
        write = partial(registry.append, run, seq, journal.events(seq, 1))
        tell(_insisting(tell, write).durable_seq)
    registry.close()


def _insisting(tell: Tell, write: Callable[[], T]) -> T:
    for _ in range(MOST_TRIES):
        try:
            return write()
        except HomeError as error:
            tell(str(error))
    return write()


def train(tell: Tell, site: str, home: Path, run: str) -> None:
    """Give the run a Trainer, whatever became of the ones before.

    Tells the number of the last event each time more are durable, and the run's state in the end.
    """
    sys.path.insert(0, site)
    registry = Registry(home, hub=Telling(tell))
    train_here(registry, open_blobs(home), run)
    tell(registry.run(run).state)
    registry.close()


class Telling:
    """Stands where readers would be told what is durable."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def publish(self, entries: Mapping[str, Sequence[JournalEntry]]) -> None:
        """Tell the number of the last one."""
        for told in entries.values():
            self._tell(told[-1].seq if told else 0)

    def report(self, run: str, telemetry: Telemetry) -> None:
        """Telemetry is no part of what must not be lost."""
