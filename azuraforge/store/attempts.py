"""Attempts at runs, and the runs that were given up."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from azuraforge.schema.records import DeadLetter
from azuraforge.store.tables import attempts, dead_letters, runs


def begin(db: Connection, run: int, number: int, holder: str, at: float) -> None:
    """Write down a new attempt; the one before is over."""
    end(db, run, f"attempt {number} was given to {holder}", at)
    db.execute(insert(attempts).values(run=run, number=number, holder=holder, began_at=at))


def end(db: Connection, run: int, cause: str, at: float) -> None:
    """Write down why the run's present attempt is over, if there is one."""
    open_one = (attempts.c.run == run) & attempts.c.ended_at.is_(None)
    db.execute(update(attempts).where(open_one).values(ended_at=at, cause=cause))


def give_up(db: Connection, run: int, letter: DeadLetter) -> None:
    """Write down that the run was given up."""
    values = {"attempt": letter.attempt, "cause": letter.cause, "at": letter.at}
    db.execute(insert(dead_letters).values(run=run, **values))


def given_up(db: Connection) -> list[DeadLetter]:
    """The runs that were given up, the latest first."""
    query = select(runs.c.id, dead_letters.c.attempt, dead_letters.c.cause, dead_letters.c.at)
    query = query.join_from(dead_letters, runs)
    order = (dead_letters.c.at.desc(), dead_letters.c.run.desc())
    return [
        DeadLetter(run=run, attempt=attempt, cause=cause, at=at)
        for run, attempt, cause, at in db.execute(query.order_by(*order))
    ]
