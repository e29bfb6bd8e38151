"""The supervisor: what becomes of a run whose Trainer died, or whose runtime did.

A state machine without processes, threads or a Registry: it is told what happened, and says what
to do. A run that fails of an error of its own has ended, and is none of its business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from azuraforge.schema.records import ENDED, RunRecord

TICK_S = 1.0  # between looks: with the lease of 8 s a silent Trainer is seen within 10
ASLEEP_S = 4.0  # a tick so late says that we stood still: for as long, silence proves nothing
SILENT = "its Trainer was not heard of in time"


@dataclass(frozen=True)
class Start:
    """Give the run to a new Trainer, unless more than `after` attempts have begun by its turn."""

    record: RunRecord
    after: int
    accepts_differences: bool = False


@dataclass(frozen=True)
class GiveUp:
    """End the run as failed: no attempt is left."""

    record: RunRecord
    cause: str


@dataclass(frozen=True)
class Look:
    """Let leases expire, then tell which runs are lost."""


@dataclass(frozen=True)
class Beat:
    """Tell the Registry that a queued run waits here for its Trainer."""

    run: str


Deed = Start | GiveUp | Look | Beat


@dataclass(frozen=True)
class _Charge:
    """A run in our hands: how many attempts there were, and how many Trainers it had of us."""

    after: int
    starts: int  # one that dies before it begins leaves no attempt behind
    is_queued: bool


class Supervisor:
    """Which runs are in hand, and what to do when they are lost.

    With `adopts` it takes up whatever is lost in the home, else only what it was given.
    """

    def __init__(self, clock: Callable[[], float], *, adopts: bool = False) -> None:
        self._clock = clock
        self._adopts = adopts
        self._charges: dict[str, _Charge] = {}
        self._left: set[str] = set()
        self._ticked_at: float | None = None
        self._trusts_from: float | None = None

    def accept(self, record: RunRecord, *, accepts_differences: bool = False) -> list[Deed]:
        """A run is in our hands from now on, and wants a Trainer."""
        self._left.discard(record.id)
        return [self._start(record, accepts_differences=accepts_differences)]

    def began(self, run: str) -> None:
        """Its Trainer is at work, and beats by itself."""
        if run in self._charges:
            self._charges[run] = replace(self._charges[run], is_queued=False)

    def ended(self, run: str) -> None:
        """The run has ended, or is in other hands."""
        self._charges.pop(run, None)

    def leave(self, run: str) -> None:
        """The run cannot go on here; it is taken up again only if somebody says so."""
        self.ended(run)
        self._left.add(run)

    def died(self, record: RunRecord, cause: str) -> list[Deed]:
        """The Trainer we gave this run is dead; the record says how the run stands."""
        charge = self._charges.get(record.id)
        if charge is None or record.state in ENDED or record.attempt > charge.after + 1:
            self.ended(record.id)
            return []
        return [self._next(record, cause)]

    def lost(self, records: Iterable[RunRecord]) -> list[Deed]:
        """Nobody has heard of the Trainers of these."""
        deeds: list[Deed] = []
        for record in records:
            charge = self._charges.get(record.id)
            is_on_its_way = charge is not None and record.attempt <= charge.after
            is_ours = charge is not None or (self._adopts and record.id not in self._left)
            if is_ours and not is_on_its_way:
                deeds.append(self._next(record, SILENT))
        return deeds

    def tick(self) -> list[Deed]:
        """Time has passed."""
        now, before = self._clock(), self._ticked_at
        self._ticked_at = now
        if before is not None and now - before > ASLEEP_S:
            self._trusts_from = now + ASLEEP_S
        beats = [Beat(run) for run, charge in self._charges.items() if charge.is_queued]
        trusts = self._trusts_from is None or now >= self._trusts_from
        return [*beats, Look()] if trusts and (self._charges or self._adopts) else [*beats]

    def _next(self, record: RunRecord, cause: str) -> Deed:
        charge = self._charges.get(record.id)
        had, allowed = max(record.attempt, charge.starts if charge else 0), record.spec.attempts
        if had < allowed:
            return self._start(record)
        self.ended(record.id)
        return GiveUp(record, f"{had} of {allowed} attempts were lost, the last because {cause}")

    def _start(self, record: RunRecord, *, accepts_differences: bool = False) -> Start:
        charge = self._charges.get(record.id)
        self._charges[record.id] = _Charge(
            after=record.attempt,
            starts=charge.starts + 1 if charge else 1,
            is_queued=record.state == "queued",
        )
        return Start(record, record.attempt, accepts_differences)
