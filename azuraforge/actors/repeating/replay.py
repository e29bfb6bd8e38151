"""A run done again and held against its journal, entry by entry and by the chain."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import msgspec

from azuraforge.actors.repeating.again import Again
from azuraforge.actors.repeating.journals import Journals, entry_difference, journal, kind_of
from azuraforge.errors import ConfigError
from azuraforge.schema.comparison import Difference, EntryDifference, ReplayReport
from azuraforge.schema.events import Event, JournalEntry
from azuraforge.store.blobs import BlobStore

NO_CHAIN = "00" * 32  # before the first event
OnStep = Callable[[int, int], None]  # told of each step that was compared, and of the last to come


def replay(
    registry: Journals,
    blobs: BlobStore,
    run: str,
    *,
    from_step: int = 0,
    to_step: int | None = None,
    on_step: OnStep | None = None,
) -> ReplayReport:
    """Do a run again, from the nearest checkpoint at or before `from_step` to `to_step` or its end.

    Every event made on the way is held against the journal, up to the first that differs. Where
    code, data or machine are not those of the run, the report says so; only what they lead to
    counts as a difference.

    Raises: NotFoundError; RefusedError for a run that has not begun; ConfigError for steps that
            it has not done; DataError.
    """
    record = registry.run(run)
    last = record.step if to_step is None else to_step
    if not 0 <= from_step <= last <= record.step:
        raise ConfigError(
            f"replay: got steps {from_step} to {last}; allowed: within 0 to {record.step}, "
            f"which run {record.id} has done"
        )
    again = Again(registry, blobs, record.id, from_step)
    compared: _Compared | None = None
    for seq, event in again:
        step = getattr(event, "step", 0)
        compared = compared or _Compared(registry, again, seq, step)
        if step > last or not compared.holds(event):
            break
        if on_step is not None:
            on_step(step, last)
    assert compared is not None  # there is a first event, or an error was raised
    return compared.report()


class _Compared:
    """Events held against the entries of a journal, one after the other from `seq` on."""

    def __init__(self, registry: Journals, again: Again, seq: int, step: int) -> None:
        run = again.record.id
        before = registry.events(run, seq - 2, 1) if seq > 1 else []
        self._chain = before[0].chain if before else NO_CHAIN
        self._entries = journal(registry, run, seq - 1)
        self._again = again
        self._first = seq, step
        self._last = seq - 1, step
        self._difference: EntryDifference | None = None

    def holds(self, event: Event) -> bool:
        """Whether the next entry holds this very event."""
        entry = next(self._entries)
        text = msgspec.json.encode(event, order="deterministic")
        self._chain = sha256(bytes.fromhex(self._chain) + text).hexdigest()
        self._last = entry.seq, getattr(event, "step", 0)
        self._difference = self._differs(entry, event)
        return self._difference is None

    def _differs(self, entry: JournalEntry, event: Event) -> EntryDifference | None:
        if event != entry.event:
            return entry_difference(entry.seq, entry.event, event)
        if self._chain == entry.chain:
            return None
        broken = Difference(path="chain", one=entry.chain, other=self._chain)
        return EntryDifference(
            seq=entry.seq, step=self._last[1], event=kind_of(event), differences=[broken]
        )

    def report(self) -> ReplayReport:
        again = self._again
        return ReplayReport(
            run=again.record.id,
            first_seq=self._first[0],
            last_seq=self._last[0],
            from_step=self._first[1],
            to_step=self._last[1],
            steps_done=again.steps_done,
            checkpoint=again.checkpoint,
            difference=self._difference,
            provenance=again.trainer.differs,
        )
