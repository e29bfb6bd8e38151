"""Events in their order, held back behind a checkpoint that is still being written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import NamedTuple

from azuraforge.schema.events import Event

MOST = 10_000  # events, before whoever makes them waits: memory stays bounded


class Later(NamedTuple):
    """An event that names a blob which has no name yet."""

    sha256: Future[str]
    event: Callable[[str], Event]


class Held:
    """What was made and not given yet: numbers of the latest event `made` and `given`."""

    def __init__(self) -> None:
        self.made = self.given = 0
        self._waiting: deque[Event | Later] = deque()

    def begin_after(self, seq: int) -> None:
        """Count from behind this event."""
        self.made = self.given = seq

    def add(self, made: Event | Later) -> None:
        """Take the next event."""
        self.made += 1
        self._waiting.append(made)

    def ready(self, *, wait: bool = False) -> Iterator[Event]:
        """Those that nothing holds back; with `wait` all of them. Raises: what a write raised."""
        while self._waiting and (wait or len(self._waiting) > MOST or _is_done(self._waiting[0])):
            yield self._next()

    def sound(self) -> Iterator[Event]:
        """Those before the first that could not be written; the others are given up."""
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, Later) and first.sha256.exception() is not None:
                self._waiting.clear()
            else:
                yield self._next()

    def _next(self) -> Event:
        made = self._waiting[0]
        event = made.event(made.sha256.result()) if isinstance(made, Later) else made
        self._waiting.popleft()
        self.given += 1
        return event


def _is_done(made: Event | Later) -> bool:
    return not isinstance(made, Later) or made.sha256.done()
