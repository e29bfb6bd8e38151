"""Which run left which."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from azuraforge.store.tables import lineage


def descend(db: Connection, run: int, parent: int, step: int) -> None:
    """Write down that a run left another after this step."""
    db.execute(insert(lineage).values(run=run, parent=parent, step=step))
