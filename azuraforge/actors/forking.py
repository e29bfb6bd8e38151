"""A run that begins where another was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from msgspec import structs

from azuraforge.errors import RefusedError
from azuraforge.schema.commands import Command, CommandName, Request
from azuraforge.schema.events import Intervened
from azuraforge.schema.records import RunRecord
from azuraforge.store import checkpoints, journal, lineage, requests, runs
from azuraforge.store.runs import StoredRun

if TYPE_CHECKING:
    from sqlalchemy import Connection

REPEATED = frozenset({"set", "checkpoint"})  # the Trainer repeats its own; waiting changes no bits


def refuse_beyond(parent: RunRecord, step: int) -> None:
    """Raises: RefusedError for a step that the parent has not done."""
    if not 0 <= step <= parent.step:
        raise RefusedError(
            f"run {parent.id}: cannot be left after step {step}; it has done {parent.step}, "
            f"so allowed are 0 to {parent.step}"
        )


def add_child(db: Connection, parent: StoredRun, child: RunRecord, at: float) -> StoredRun:
    """Write down the child of `child.parent` with the part of the past that a checkpoint spares it.

    It repeats from there what was done to its parent up to the step where it leaves it.
    """
    assert child.parent is not None
    step = child.parent.step
    branch = checkpoints.branch(db, parent.number, step)
    if branch is None:
        number = runs.add(db, child, folded=child.state, best_step=None)
    else:
        child = _grown(child, branch.record)
        number = runs.add(db, child, folded=branch.record.state, best_step=branch.best_step)
        journal.copy(db, parent.number, number, branch.seq, at)
        checkpoints.copy(db, parent.number, number, branch.seq)
        requests.copy_done(db, parent.number, number, branch.seq)
    after = 0 if branch is None else branch.seq
    requests.add(db, number, list(_repeated(db, parent, after, step)))
    lineage.descend(db, number, parent.number, step)
    return runs.called(db, child.id)


def at_step(commands: Sequence[Command], step: int, first: int) -> list[Request]:
    """The commands as requests numbered from `first`, to take effect after the step."""
    return [
        Request(number=number, command=command, at_step=step)
        for number, command in enumerate(commands, first)
    ]


def _grown(child: RunRecord, past: RunRecord) -> RunRecord:
    """The child as its parent was at the checkpoint, with what is the child's own."""
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


def _repeated(db: Connection, parent: StoredRun, after: int, step: int) -> Iterator[Request]:
    """What took effect on the parent after this event and up to the step, under its number."""
    for entry in journal.interventions(db, parent, after):
        event = entry.event
        assert isinstance(event, Intervened)
        if event.request is not None and event.command in REPEATED and event.step <= step:
            command = Command(
                name=cast(CommandName, event.command),
                path=event.path,
                value=event.value,
                reason=event.reason,
            )
            yield Request(number=event.request, command=command, at_step=event.step)
