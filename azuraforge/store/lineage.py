"""Which run left which."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from azuraforge.schema.records import ForkPoint
from azuraforge.store.tables import lineage, runs


def descend(db: Connection, run: int, parent: int, step: int) -> None:
    """Write down that a run left another after this step."""
    db.execute(insert(lineage).values(run=run, parent=parent, step=step))


def ancestors(db: Connection, run: int) -> list[ForkPoint]:
    """Where the run left its parent, the parent its own, and so on."""
    found = []
    query = select(lineage.c.parent, lineage.c.step, runs.c.id).join_from(
        lineage, runs, lineage.c.parent == runs.c.number
    )
    while (row := db.execute(query.where(lineage.c.run == run)).one_or_none()) is not None:
        found.append(ForkPoint(run=row.id, step=row.step))
        run = row.parent
    return found


def children(db: Connection, run: int) -> list[str]:
    """The runs that left this one, oldest first."""
    query = select(runs.c.id).join_from(lineage, runs, lineage.c.run == runs.c.number)
    return list(db.scalars(query.where(lineage.c.parent == run).order_by(runs.c.number)))
