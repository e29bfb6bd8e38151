"""The way from the Registry's process to the hubs of readers in others: one log, copied by each.

The log lives in an actor of its own. It is as forgetful as a hub: who has lost his place, or finds
another log than before, is told so, and has his readers look at the store.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice

import msgspec
from msgspec import Struct

from azuraforge.actors.runtimes.hub import NEVER, POLL_S, Hub
from azuraforge.errors import ServiceError
from azuraforge.schema.events import JournalEntry, News, Telemetry

KEPT = 4096  # tellings, of a commit each
COPY_S = 10.0  # how long a copy waits for the next telling
WAKE_S = 0.1  # between calls to wake a copy that is to end
AGAIN_S = 0.5  # between tries to reach the log

_encode = msgspec.msgpack.Encoder().encode


class Telling(Struct, frozen=True, kw_only=True):
    """What the Registry tells at once, by run."""

    entries: dict[str, list[JournalEntry]] = {}
    telemetry: dict[str, Telemetry] = {}

    def encoded(self) -> bytes:
        """As it travels: nobody on its way needs to read it."""
        return _encode(self)


_decode = msgspec.msgpack.Decoder(Telling).decode


class Copied(Struct, frozen=True, kw_only=True):
    """What follows a place in the log; all of it only if it `is_whole`."""

    place: int
    tellings: list[bytes]
    is_whole: bool = True


class Log:
    """The latest tellings in their order; told by one, copied by any number, in one event loop.

    `first` is a place that no log before this one has come to.
    """

    def __init__(self, *, kept: int = KEPT, first: int) -> None:
        self._tellings: deque[bytes] = deque(maxlen=kept)
        self._place = first
        self._told = asyncio.Event()

    def tell(self, telling: bytes) -> None:
        """Add a telling."""
        self._tellings.append(telling)
        self._place += 1
        self._told.set()
        self._told = asyncio.Event()

    async def after(self, place: int | None, timeout_s: float = COPY_S) -> Copied:
        """What was told after this place, as soon as there is something; None: where it is now."""
        if place is None or not self._oldest() <= place <= self._place:
            return Copied(place=self._place, tellings=[], is_whole=False)
        if place == self._place:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._told.wait()
            except TimeoutError:
                return Copied(place=place, tellings=[])
        start = max(place - self._oldest(), 0)
        is_whole = place >= self._oldest()
        found = list(islice(self._tellings, start, None))
        return Copied(place=self._place, tellings=found, is_whole=is_whole)

    def _oldest(self) -> int:
        """The place before the oldest telling that is kept."""
        return self._place - len(self._tellings)


class Copy:
    """A hub in this process that is told what the log is told, from its first reader on.

    `ask` waits for what follows a place. Raises, from there: ServiceError where the log cannot be
    reached, which is tried again.
    """

    def __init__(self, ask: Callable[[int | None], Copied], hub: Hub) -> None:
        self._ask = ask
        self._hub = hub
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._is_closed = threading.Event()

    async def poll(
        self,
        run: str,
        after: int = 0,
        limit: int = 1000,
        timeout_s: float = POLL_S,
        telemetries: int = NEVER,
    ) -> News:
        """As Hub.poll."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._copy, name="azuraforge-hub", daemon=True
                )
                self._thread.start()
        return await self._hub.poll(run, after, limit, timeout_s, telemetries)

    def close(self, wake: Callable[[], object]) -> None:
        """Copy no more; `wake` ends the wait for the log."""
        self._is_closed.set()
        while self._thread is not None and self._thread.is_alive():
            wake()
            self._thread.join(WAKE_S)

    def _copy(self) -> None:
        place: int | None = None
        while not self._is_closed.is_set():
            try:
                copied = self._ask(place)
            except ServiceError:
                place = None  # another log may come
                self._is_closed.wait(AGAIN_S)
                continue
            if not copied.is_whole:
                self._hub.forget()
            for telling in map(_decode, copied.tellings):
                self._hub.publish(telling.entries)
                for run, telemetry in telling.telemetry.items():
                    self._hub.report(run, telemetry)
            place = copied.place
