"""The tables of the registry: keys as columns, what is read and written whole as JSON beside them.

A change here needs a migration in migrations/versions/ and its number as HEAD in database.py.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

# Names for constraints, so that a later migration can name the one it changes.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True),  # counts up: the order of creation
    Column("id", String(100), nullable=False, unique=True),
    Column("record", Text, nullable=False),  # RunRecord without its telemetry
    Column("stop", Text),  # the reason, where somebody asked the run to stop
    Column("telemetry", Text),
)

events = Table(
    "events",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("event", Text, nullable=False),
    Column("recorded_at", Float, nullable=False),  # beside the event, which knows no clock
    sqlite_with_rowid=False,  # a journal lies together, in order
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("version", Integer, primary_key=True),
    # A run registers one version, however often its end is told.
    Column("run", Integer, ForeignKey(runs.c.number), nullable=False, unique=True),
    Column("record", Text, nullable=False),  # ModelVersion without its aliases
)

aliases = Table(
    "aliases",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("alias", String(100), primary_key=True),
    Column("version", Integer, nullable=False),
    ForeignKeyConstraint(["name", "version"], [model_versions.c.name, model_versions.c.version]),
)
