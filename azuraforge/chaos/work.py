"""What a child of a row does: work that tells each thing the moment it is acknowledged."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from azuraforge.actors.connect import connect
from azuraforge.actors.handles import Handles, follow
from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.runtimes.runtime import RuntimeName
from azuraforge.chaos import journal
from azuraforge.chaos.child import Tell
from azuraforge.errors import AzuraForgeError, HomeError, ServiceError
from azuraforge.schema.events import JournalEntry
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec, StudySpec
from azuraforge.store.blobs import Blobs

T = TypeVar("T")
Job = RunSpec | str  # a run to start, or the id of one to resume
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


def train(tell: Tell, site: str, runtime: RuntimeName, home: Path, jobs: Sequence[Job]) -> None:
    """Start or resume runs on one runtime, one after the other.

    Of each it tells the id, the number of each event that is durable, and the state in the end, or
    the error that kept it from one.
    """
    sys.path.insert(0, site)
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # of Ray's processes
    asyncio.run(_train(tell, connect(runtime, home=home), jobs))


async def _train(tell: Tell, handles: Handles, jobs: Sequence[Job]) -> None:
    async with handles:
        for job in jobs:
            record = await _begun(handles, job)
            tell(record.id)
            telling = asyncio.ensure_future(_tell_events(tell, handles, record.id))
            try:
                ended = await handles.join(record.id)
                await telling
                tell(ended.state)
            except AzuraForgeError as error:
                telling.cancel()
                await asyncio.wait([telling])
                tell(f"{type(error).__name__}: {error}")


def study(tell: Tell, site: str, runtime: RuntimeName, home: Path, spec: StudySpec) -> None:
    """Run a study; tells when it begins, and its table: of each trial values, state and result."""
    sys.path.insert(0, site)
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # of Ray's processes

    async def run() -> None:
        async with connect(runtime, home=home) as handles:
            tell("begun")
            record = await handles.run_study(spec)
        tell([(trial.values, trial.state, trial.value) for trial in record.trials])

    asyncio.run(run())


async def _begun(handles: Handles, job: Job) -> RunRecord:
    """The run that begins or goes on; asked for again, as its user would, where a Registry dies."""
    begin: Callable[[], Awaitable[RunRecord]]
    if isinstance(job, RunSpec):
        begin = partial(handles.start_run, job)
    else:
        begin = partial(handles.resume_run, job)
    for _ in range(MOST_TRIES):
        try:
            return await begin()
        except ServiceError:
            continue
    return await begin()


async def _tell_events(tell: Tell, handles: Handles, run: str) -> None:
    async for told in follow(handles.registry, run):
        if isinstance(told, JournalEntry):
            tell(told.seq)
