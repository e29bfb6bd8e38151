"""Names that runs are gathered under, and the values of their configs, for search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from azuraforge.schema.catalogue import Experiment
from azuraforge.store.tables import experiments, params, runs

LONGEST_PATH = 200  # characters, of those that can be searched for


def ensure(db: Connection, name: str, at: float, description: str | None = None) -> None:
    """Let an experiment of this name be there, and say so of it."""
    known = db.scalar(select(experiments.c.name).where(experiments.c.name == name))
    if known is None:
        values = {"name": name, "description": description or "", "created_at": at}
        db.execute(insert(experiments).values(**values))
    elif description is not None:
        this = update(experiments).where(experiments.c.name == name)
        db.execute(this.values(description=description))


def every(db: Connection) -> list[Experiment]:
    """All of them by name, with the number of their runs."""
    e = experiments.c
    query = select(e.name, e.description, e.created_at, func.count(runs.c.number).label("runs"))
    query = query.outerjoin_from(experiments, runs, e.name == runs.c.experiment)
    query = query.group_by(*e).order_by(e.name)
    return [Experiment(**row._mapping) for row in db.execute(query)]


def put_params(db: Connection, run: int, config: dict[str, Any]) -> None:
    """Write down a run's config, value by value."""
    rows = [
        {"run": run, "path": path, "value": msgspec.json.encode(value).decode()}
        for path, value in _flat(config)
        if len(path) <= LONGEST_PATH
    ]
    if rows:
        db.execute(insert(params), rows)


def params_of(db: Connection, run: int) -> dict[str, Any]:
    """A run's config by dotted path."""
    query = select(params.c.path, params.c.value).where(params.c.run == run)
    return {
        row.path: msgspec.json.decode(row.value)
        for row in db.execute(query.order_by(params.c.path))
    }


def _flat(config: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
