"""Group commit: what many Trainers append in the same moment becomes durable by one sync."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from azuraforge.actors.recording.registry import Registry
from azuraforge.errors import AzuraForgeError
from azuraforge.schema.events import Event
from azuraforge.schema.records import Ack, Attempt, Batch, RunRecord

Holder = tuple[str, int]  # a run, and the attempt that writes it


class GroupingRegistry(Registry):
    """A Registry that takes what Trainers append and commits it in a moment, all of it at once.

    For an actor that does one call after the other: `schedule` puts a call of `commit` behind those
    that wait already, so that whatever these append is in the same transaction. An answer says what
    is durable by then; a refusal is told to the next append of the same attempt. What is taken and
    not durable is lost with this process: its Trainer sends it again until it is.
    """

    def __init__(self, home: Path, *, schedule: Callable[[], object], **settings: Any) -> None:
        super().__init__(home, **settings)
        self._schedule = schedule
        self._waiting: dict[Holder, Batch] = {}
        self._taken: dict[Holder, int] = {}  # the last event that was taken of each
        self._acks: dict[Holder, Ack] = {}
        self._refusals: dict[Holder, AzuraForgeError] = {}

    def append(
        self, run: str, first_seq: int, events: Sequence[Event], *, attempt: int | None = None
    ) -> Ack:
        """Take events to be appended, but those taken before; without an attempt, append them.

        Raises: what an earlier append of this attempt was refused for; as Registry.append.
        """
        if not attempt:
            self.commit()
            return super().append(run, first_seq, events, attempt=attempt)
        holder = run, attempt
        if holder in self._refusals:
            self._forget(holder)
            raise self._refusals.pop(holder)
        if not self._waiting:
            self._schedule()
        self._take(holder, first_seq, events)
        return self._acks.get(holder, Ack(durable_seq=0))

    def commit(self) -> None:
        """Make durable what was taken."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            answers = self.append_many(list(waiting.values()))
        except AzuraForgeError as error:  # nothing is written: each is told, and sends again
            answers = [error] * len(waiting)
        for holder, answer in zip(waiting, answers, strict=True):
            if isinstance(answer, Ack):
                self._acks[holder] = answer
            else:
                self._refusals.setdefault(holder, answer)

    def begin_attempt(self, run: str, holder: str, *, accepts_differences: bool = False) -> Attempt:
        """Give the run's journal to a new Trainer, with all that the one before has sent."""
        self.commit()
        for other in [other for other in self._acks if other[0] == run]:
            self._forget(other)
        return super().begin_attempt(run, holder, accepts_differences=accepts_differences)

    def lose(self, run: str, cause: str, *, attempt: int) -> RunRecord:
        """Note that an attempt is over, with all that it has sent."""
        self.commit()
        return super().lose(run, cause, attempt=attempt)

    def _take(self, holder: Holder, first_seq: int, events: Sequence[Event]) -> None:
        run, attempt = holder
        last = self._taken.get(holder, first_seq - 1)
        new = list(events[max(last + 1 - first_seq, 0) :])
        first = first_seq + len(events) - len(new)
        if holder in self._waiting:
            self._waiting[holder].events.extend(new)
        else:
            batch = Batch(run=run, first_seq=first, events=new, attempt=attempt)
            self._waiting[holder] = batch
        self._taken[holder] = max(last, first + len(new) - 1)

    def _forget(self, holder: Holder) -> None:
        """Let go of an attempt that is over, or whose events were not written, or not all."""
        self._taken.pop(holder, None)
        self._acks.pop(holder, None)
