"""Data that runs were given, by its SHA-256."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, func, insert, select, update

from azuraforge.schema.catalogue import Dataset
from azuraforge.store.tables import datasets, run_datasets


def use(db: Connection, run: int, data: Mapping[str, str], plugin: str, at: float) -> None:
    """Write down which data a run was given; new data is called after plugin and split."""
    for split, sha256 in data.items():
        if db.scalar(select(datasets.c.sha256).where(datasets.c.sha256 == sha256)) is None:
            name = f"{plugin} {split}"[:200]
            db.execute(insert(datasets).values(sha256=sha256, name=name, created_at=at))
        db.execute(insert(run_datasets).values(run=run, split=split, sha256=sha256))


def copy(db: Connection, parent: int, child: int) -> None:
    """Let a new run be known to use what its parent does."""
    for split, sha256 in of_run(db, parent).items():
        db.execute(insert(run_datasets).values(run=child, split=split, sha256=sha256))


def of_run(db: Connection, run: int) -> dict[str, str]:
    """The SHA-256 of the data a run was given, by split."""
    query = select(run_datasets.c.split, run_datasets.c.sha256).where(run_datasets.c.run == run)
    return {row.split: row.sha256 for row in db.execute(query.order_by(run_datasets.c.split))}


def every(db: Connection) -> list[Dataset]:
    """All data there is, the newest first, with the number of runs that were given it."""
    used = func.count(run_datasets.c.run.distinct()).label("runs")
    query = select(datasets, used).outerjoin_from(datasets, run_datasets)
    query = query.group_by(*datasets.c).order_by(datasets.c.created_at.desc(), datasets.c.sha256)
    return [Dataset(**row._mapping) for row in db.execute(query)]


def rename(db: Connection, sha256: str, name: str) -> bool:
    """Call data so; whether it is known."""
    this = update(datasets).where(datasets.c.sha256 == sha256).values(name=name)
    return bool(db.execute(this).rowcount)


def forget(db: Connection, run: int) -> None:
    """Take away what is known of a run's data."""
    db.execute(delete(run_datasets).where(run_datasets.c.run == run))
