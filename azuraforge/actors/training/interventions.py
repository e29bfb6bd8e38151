"""What is to be done to a run between two of its steps, and when."""

from __future__ import annotations

from queue import SimpleQueue

from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import Intervened
from azuraforge.schema.records import Attempt


class Interventions:
    """Requests in the order they are to take effect.

    A run that is done again, after a crash or to be compared, meets those of its journal at the
    very places they had. New ones wait until it has come to the journal's end.
    """

    def __init__(self, attempt: Attempt | None) -> None:
        self._known_seq = attempt.known_seq if attempt else 0
        self._known = {
            entry.seq: entry.event
            for entry in (attempt.journal if attempt else ())
            if isinstance(entry.event, Intervened) and entry.event.request is not None
        }
        self._seen = {event.request or 0 for event in self._known.values()}
        self._live: SimpleQueue[Request] = SimpleQueue()
        self._waiting: list[Request] = []
        for request in attempt.requests if attempt else ():
            self.ask(request)

    def ask(self, asked: Command | Request) -> None:
        """Add what is asked for, unless it is there or was done already; from any thread."""
        if isinstance(asked, Command):
            asked = Request(number=max(self._seen, default=0) + 1, command=asked)
        if asked.number not in self._seen:
            self._seen.add(asked.number)
            self._live.put(asked)

    def known(self, seq: int) -> Intervened | None:
        """What the journal says took effect as event `seq`, or None."""
        return self._known.get(seq)

    def due(self, seq: int, step: int, *, alone: bool) -> Request | None:
        """The next new request to take effect after event `seq` and `step`, or None.

        With `alone` only of those whose step was given with them.
        """
        if seq < self._known_seq:
            return None
        while not self._live.empty():
            self._waiting.append(self._live.get())
        for place, request in enumerate(self._waiting):
            if (not alone) if request.at_step is None else request.at_step <= step:
                return self._waiting.pop(place)
        return None

    def wait(self) -> None:
        """Wait until there is a further request."""
        self._waiting.append(self._live.get())
