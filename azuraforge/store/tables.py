"""The tables of the registry: keys as columns, what is read and written whole as JSON beside them.

A change here needs a migration in migrations/versions/ and its number as HEAD in database.py.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
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
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True),  # counts up: the order of creation
    Column("id", String(100), nullable=False, unique=True),
    Column("record", Text, nullable=False),  # RunRecord without its telemetry, as folded
    Column("telemetry", Text),
    Column("state", String(20), nullable=False),  # also queued and lost, of which no event tells
    Column("experiment", String(100), nullable=False),
    Column("heard_at", Float),  # from its Trainer; NULL: none has begun, or the run has ended
    Column("best_step", Integer),  # at which the validation metrics were the best so far
    Index("ix_runs_state", "state"),
    Index("ix_runs_experiment", "experiment"),
)

events = Table(
    "events",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("event", Text, nullable=False),
    Column("recorded_at", Float, nullable=False),  # beside the event, which knows no clock
    Column("chain", LargeBinary, nullable=False),  # SHA-256 over the chain before it and the event
    sqlite_with_rowid=False,  # a journal lies together, in order
)

experiments = Table(
    "experiments",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("description", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

params = Table(
    "params",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("path", String(200), primary_key=True),  # dotted, within the spec's config
    Column("value", Text, nullable=False),  # JSON
    Index("ix_params_path", "path"),
)

requests = Table(
    "requests",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("command", Text, nullable=False),
    Column("at_step", Integer),
    Column("done_seq", Integer),  # of the event that says it took effect
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("began_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("cause", Text),  # of its end
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("at", Float, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("step", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("is_best", Boolean, nullable=False),
    Column("is_kept", Boolean, nullable=False),
    Column("record", Text, nullable=False),  # the run's as it was then, for who forks here
    Column("best_step", Integer),
)

tags = Table(
    "tags",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("key", String(100), primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_tags_key", "key"),
)

lineage = Table(
    "lineage",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number, name="fk_lineage_run"), primary_key=True),
    Column("parent", Integer, ForeignKey(runs.c.number, name="fk_lineage_parent"), nullable=False),
    Column("step", Integer, nullable=False),
    Index("ix_lineage_parent", "parent"),
)

metric_names = Table(
    "metric_names",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

metric_batches = Table(
    "metric_batches",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("source", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("last_step", BigInteger, nullable=False),  # the greatest of its rows
    Column("rows", LargeBinary, nullable=False),
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

artifacts = Table(
    "artifacts",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("created_at", Float, nullable=False),
)

datasets = Table(
    "datasets",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
)

run_datasets = Table(
    "run_datasets",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.number), primary_key=True),
    Column("split", String(100), primary_key=True),
    Column("sha256", String(64), ForeignKey(datasets.c.sha256), nullable=False),
    Index("ix_run_datasets_sha256", "sha256"),
)

studies = Table(
    "studies",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("spec", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("study", String(100), ForeignKey(studies.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("record", Text, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("created_at", Float, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("user", String(100), ForeignKey(users.c.name), nullable=False),
    Column("label", String(200), nullable=False),
    Column("scopes", Text, nullable=False),  # JSON
    Column("digest", String(64), nullable=False),  # SHA-256 of the secret, which is not kept
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", String(100), nullable=False),
    Column("what", String(100), nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),
)
