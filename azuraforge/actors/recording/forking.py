"""A run that begins where another was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import structs

from azuraforge.actors.recording import measuring
from azuraforge.actors.recording.folding import folded
from azuraforge.actors.recording.transactions import Transaction
from azuraforge.errors import RefusedError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import (
    EpochFinished,
    Intervened,
    JournalEntry,
    ValidationFinished,
)
from azuraforge.schema.records import ENDED, RunRecord
from azuraforge.store import checkpoints, datasets, journal, lineage, metrics, requests, runs
from azuraforge.store.metrics import Point
from azuraforge.store.runs import StoredRun

if TYPE_CHECKING:
    from sqlalchemy import Connection

PAGE = 1000  # events read at once


def refuse_beyond(parent: RunRecord, step: int) -> None:
    """Raises: RefusedError for a step that the parent has not done."""
    if not 0 <= step <= parent.step:
        raise RefusedError(
            f"run {parent.id}: cannot be left after step {step}; it has done {parent.step}, "
            f"so allowed are 0 to {parent.step}"
        )


def add_child(writing: Transaction, parent: StoredRun, child: RunRecord) -> None:
    """Write down the child of `child.parent` with all that happened up to where it leaves it.

    Its Trainer goes on as after a crash there: from a checkpoint that is kept, through the events
    behind it, which its journal has already.
    """
    assert child.parent is not None
    db, at = writing.db, writing.at
    end = _end(db, parent)
    start = checkpoints.branch(db, parent.number, child.parent.step, end)
    past, best_step = (start.record, start.best_step) if start else (child, None)
    first_seq, points = past.last_seq + 1, list[Point]()
    for entry in _up_to(db, parent, past.last_seq, child.parent.step, end):
        past = structs.replace(folded(past, entry.event, at), chain=entry.chain)
        points += measuring.points(entry.event, at)
        if isinstance(entry.event, EpochFinished | ValidationFinished) and entry.event.is_best:
            best_step = entry.event.step
    number = runs.add(db, _grown(child, past), folded=past.state, best_step=best_step)
    journal.copy(db, parent.number, number, past.last_seq, at)
    metrics.copy(db, parent.number, number, first_seq - 1)
    writing.measure(number, metrics.JOURNAL, first_seq, points)
    if past.last_seq:
        datasets.copy(db, parent.number, number)
    checkpoints.copy(db, parent.number, number, past.last_seq)
    requests.copy_done(db, parent.number, number, past.last_seq)
    if past.state == "paused":
        go_on = Request(number=requests.next_number(db, number), command=Command(name="resume"))
        requests.add(db, number, [go_on])
    lineage.descend(db, number, parent.number, child.parent.step)


def _end(db: Connection, parent: StoredRun) -> int:
    """The number of the event that began the parent's end, or of the one to come."""
    for entry in journal.interventions(db, parent):
        if isinstance(entry.event, Intervened) and entry.event.command == "stop":
            return entry.seq
    return parent.record.last_seq + (parent.record.state not in ENDED)


def _up_to(
    db: Connection, parent: StoredRun, after: int, step: int, end: int
) -> Iterator[JournalEntry]:
    """The parent's events from behind `after` that belong to steps up to this, but for its end."""
    while page := journal.entries(db, parent, after, PAGE):
        for entry in page:
            if entry.seq >= end or getattr(entry.event, "step", 0) > step:
                return
            yield entry
        after = page[-1].seq


def _grown(child: RunRecord, past: RunRecord) -> RunRecord:
    """The child as its parent was then, with what is the child's own."""
    return structs.replace(
        past,
        id=child.id,
        state="queued",
        created_at=child.created_at,
        started_at=None,
        experiment=child.experiment,
        tags=child.tags,
        parent=child.parent,
        attempt=0,
        not_exact=[],
    )
