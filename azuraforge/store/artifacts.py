"""Blobs that runs made, under names of their own."""

from __future__ import annotations

from msgspec import structs
from sqlalchemy import Connection, delete, insert, select

from azuraforge.schema.catalogue import Artifact
from azuraforge.store.tables import artifacts


def put(db: Connection, run: int, artifact: Artifact) -> None:
    """Give a run an artifact in place of the one it has under this name."""
    db.execute(delete(artifacts).where(artifacts.c.run == run, artifacts.c.name == artifact.name))
    db.execute(insert(artifacts).values(run=run, **structs.asdict(artifact)))


def of_run(db: Connection, run: int) -> list[Artifact]:
    """A run's artifacts by name."""
    columns = [column for column in artifacts.c if column.name != "run"]
    query = select(*columns).where(artifacts.c.run == run).order_by(artifacts.c.name)
    return [Artifact(**row._mapping) for row in db.execute(query)]


def blobs(db: Connection) -> set[str]:
    """The blobs of every artifact."""
    return set(db.scalars(select(artifacts.c.sha256).distinct()))
