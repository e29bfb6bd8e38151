"""Model versions and their aliases in the database."""

from __future__ import annotations

from collections import defaultdict

import msgspec
from msgspec import structs
from sqlalchemy import Connection, delete, func, insert, select

from azuraforge.schema.records import ModelVersion
from azuraforge.store.tables import aliases, model_versions

_record = msgspec.json.Decoder(ModelVersion)


def versions(db: Connection, name: str | None = None) -> list[ModelVersion]:
    """The versions of this model, or of every model by name, newest first, with their aliases."""
    query = select(model_versions).order_by(model_versions.c.name, model_versions.c.version.desc())
    if name is not None:
        query = query.where(model_versions.c.name == name)
    standing: dict[tuple[str, int], list[str]] = defaultdict(list)
    for alias in db.execute(select(aliases).order_by(aliases.c.alias)):
        standing[alias.name, alias.version].append(alias.alias)
    return [
        structs.replace(_record.decode(row.record), aliases=standing[row.name, row.version])
        for row in db.execute(query)
    ]


def last_version(db: Connection, name: str) -> int:
    """The number of the model's newest version, 0 where there is none."""
    last = select(func.max(model_versions.c.version)).where(model_versions.c.name == name)
    return db.scalar(last) or 0


def weights(db: Connection) -> set[str]:
    """The blobs of every version."""
    return {_record.decode(text).weights for text in db.scalars(select(model_versions.c.record))}


def add(db: Connection, run_number: int, version: ModelVersion) -> None:
    """Write down a new version, made by the run of this number."""
    record = msgspec.json.encode(structs.replace(version, aliases=[])).decode()
    key = {"name": version.name, "version": version.version}
    db.execute(insert(model_versions).values(**key, run=run_number, record=record))


def point(db: Connection, alias: str, version: ModelVersion) -> None:
    """Let the alias of the model stand for this version from now on."""
    same = (aliases.c.name == version.name) & (aliases.c.alias == alias)
    db.execute(delete(aliases).where(same))
    db.execute(insert(aliases).values(name=version.name, alias=alias, version=version.version))


def unpoint(db: Connection, alias: str, name: str) -> bool:
    """Let the alias of the model stand for nothing; whether it stood for something."""
    same = (aliases.c.name == name) & (aliases.c.alias == alias)
    return bool(db.execute(delete(aliases).where(same)).rowcount)


def of_run(db: Connection, run_number: int) -> list[str]:
    """What the run registered, as name:version."""
    query = select(model_versions.c.name, model_versions.c.version)
    rows = db.execute(query.where(model_versions.c.run == run_number))
    return [f"{row.name}:{row.version}" for row in rows]
