"""What is asked of runs, until the event that says it took effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, literal, select, update

from azuraforge.schema.commands import Command, Request
from azuraforge.store.statement import Statement
from azuraforge.store.tables import requests

_command = msgspec.json.Decoder(Command)
_pending = Statement(
    select(requests.c.number, requests.c.command, requests.c.at_step)
    .where(requests.c.run == bindparam("this"), requests.c.done_seq.is_(None))
    .order_by(requests.c.number)
)


def pending(db: Connection, run: int) -> list[Request]:
    """Those that have not taken effect, in order."""
    return [
        Request(number=number, command=_command.decode(command), at_step=at_step)
        for number, command, at_step in _pending.rows(db, this=run)
    ]


def add(db: Connection, run: int, new: Sequence[Request]) -> None:
    """Write down requests under their numbers."""
    rows = [
        {
            "run": run,
            "number": request.number,
            "command": msgspec.json.encode(request.command).decode(),
            "at_step": request.at_step,
        }
        for request in new
    ]
    if rows:
        db.execute(insert(requests), rows)


def next_number(db: Connection, run: int) -> int:
    """The number of the run's next request."""
    last = db.scalar(select(func.max(requests.c.number)).where(requests.c.run == run))
    return (last or 0) + 1


def finish(db: Connection, run: int, done: Iterable[tuple[int, int]]) -> None:
    """Note which request took effect by which event, by their numbers."""
    for number, seq in done:
        this = (requests.c.run == run) & (requests.c.number == number)
        db.execute(update(requests).where(this).values(done_seq=seq))


def copy_done(db: Connection, parent: int, child: int, last_seq: int) -> None:
    """Give a new run those of its parent's that took effect in the part of the journal it has."""
    c = requests.c
    theirs = select(literal(child), c.number, c.command, c.at_step, c.done_seq)
    theirs = theirs.where(c.run == parent, c.done_seq <= last_seq)
    db.execute(insert(requests).from_select([column.name for column in c], theirs))
