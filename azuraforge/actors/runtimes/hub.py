"""The hub: what runs have just told, for any number of readers of any of them.

It holds the latest entries of each run and nothing that is not durable, so it may forget whatever
it holds, itself included: a reader whose place has gone is told of the gap and reads the store.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import Protocol

from azuraforge.schema.events import Gap, JournalEntry, News, Telemetry

KEPT = 2048  # entries of each run: forty seconds of fifty steps each
LINGER_S = 60.0  # how long a run is remembered that nobody tells of or asks for
POLL_S = 10.0  # how long a reader waits before it looks at the store again
NEVER = -1  # a reader's number of telemetries before it was told of any


class Listener(Protocol):
    """Whoever is told what has become durable: a hub, or what stands for one elsewhere."""

    def publish(self, entries: Mapping[str, Sequence[JournalEntry]]) -> None:
        """Take the entries of a commit, by run."""
        ...

    def report(self, run: str, telemetry: Telemetry) -> None:
        """Take a run's latest telemetry."""
        ...


class Hub:
    """The latest entries of each run; told by one thread, read from any number of event loops.

    `clock` (seconds) decides when a run is forgotten.
    """

    def __init__(self, *, kept: int = KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept = kept
        self._clock = clock
        self._runs: OrderedDict[str, _Run] = OrderedDict()  # the one longest unused first
        self._lock = Lock()

    def publish(self, entries: Mapping[str, Sequence[JournalEntry]]) -> None:
        """Tell readers of durable entries, by run; no entries: of another change to the run."""
        with self._lock:
            for run, told in entries.items():
                self._used(run).add(told)

    def report(self, run: str, telemetry: Telemetry) -> None:
        """Tell readers of a run's latest telemetry."""
        with self._lock:
            self._used(run).report(telemetry)

    def forget(self) -> None:
        """Know nothing any more: something may have been missed. Readers look at the store."""
        with self._lock:
            for known in self._runs.values():
                known.wake()
            self._runs.clear()

    async def poll(
        self,
        run: str,
        after: int = 0,
        limit: int = 1000,
        timeout_s: float = POLL_S,
        telemetries: int = NEVER,
    ) -> News:
        """What was told of a run after the entry `after`, as soon as there is something.

        Empty News after `timeout_s`, and at once where nothing is known of the run yet or where it
        has changed otherwise: then the store may hold more.
        """
        with self._lock:
            if run not in self._runs:
                self._used(run)  # from now on nothing is missed
                return News()
            known = self._used(run)
            if news := known.after(run, after, limit, telemetries):
                return news
            waiter: Future[None] = Future()
            known.waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.wrap_future(waiter)
        except TimeoutError:
            return News()
        finally:
            with self._lock:
                known.waiters.discard(waiter)
        with self._lock:
            return known.after(run, after, limit, telemetries)

    def _used(self, run: str) -> _Run:
        """What is known of the run; those unused for long are forgotten first."""
        now = self._clock()
        while self._runs and (oldest := next(iter(self._runs.values()))).used_at < now - LINGER_S:
            if oldest.waiters:
                oldest.used_at = now
                self._runs.move_to_end(next(iter(self._runs)))
            else:
                self._runs.popitem(last=False)
        known = self._runs.setdefault(run, _Run(deque(maxlen=self._kept)))
        known.used_at = now
        self._runs.move_to_end(run)
        return known


@dataclass
class _Run:
    """Entries without a hole between them, and who waits for more."""

    entries: deque[JournalEntry]
    telemetry: Telemetry | None = None
    telemetries: int = 0
    waiters: set[Future[None]] = field(default_factory=set)
    used_at: float = 0.0

    def add(self, told: Sequence[JournalEntry]) -> None:
        for entry in told:
            last = self.entries[-1].seq if self.entries else entry.seq - 1
            if entry.seq > last + 1:
                self.entries.clear()  # overtaken on its way: what is before it is in the store
            if entry.seq > last:
                self.entries.append(entry)
        self.wake()

    def report(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.telemetries += 1
        self.wake()

    def after(self, run: str, after: int, limit: int, telemetries: int) -> News:
        """What a reader has not been told yet."""
        is_other = self.telemetries != telemetries
        return News(
            gap=self._gap(run, after),
            entries=self._entries(after, limit),
            telemetry=self.telemetry if is_other else None,
            telemetries=self.telemetries,
        )

    def _entries(self, after: int, limit: int) -> list[JournalEntry]:
        if not self.entries:
            return []
        start = max(after + 1 - self.entries[0].seq, 0)
        return list(islice(self.entries, start, start + limit))

    def _gap(self, run: str, after: int) -> Gap | None:
        if not self.entries or self.entries[0].seq <= after + 1:
            return None
        return Gap(run=run, first=after + 1, last=self.entries[0].seq - 1)

    def wake(self) -> None:
        """End the wait of those who wait."""
        for waiter in self.waiters:
            if waiter.set_running_or_notify_cancel():
                waiter.set_result(None)
        self.waiters.clear()
