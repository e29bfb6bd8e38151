"""Tags of runs."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert

from azuraforge.store.tables import tags


def put(db: Connection, run: int, new: Mapping[str, str]) -> None:
    """Give a run these tags in place of those it has under their keys."""
    remove(db, run, list(new))
    if new:
        rows = [{"run": run, "key": key, "value": value} for key, value in new.items()]
        db.execute(insert(tags), rows)


def remove(db: Connection, run: int, keys: list[str]) -> None:
    """Take tags from a run."""
    db.execute(delete(tags).where(tags.c.run == run, tags.c.key.in_(keys)))
