"""Metrics, experiments, params, artifacts, datasets, studies, users, keys and the audit trail.

Of runs from before there are params and experiments, but no series: their journals have the
numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
    audit keys users trials studies run_datasets datasets artifacts metric_batches metric_names
    params experiments
""".split()


def upgrade() -> None:
    _create_tables()
    _fill()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _create_tables() -> None:
    op.create_table(
        "experiments",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_experiments"),
    )
    op.create_table(
        "params",
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("path", sa.String(200), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "path", name="pk_params"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_params_runs"),
    )
    op.create_index("ix_params_path", "params", ["path"])
    op.create_table(
        "metric_names",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_metric_names"),
        sa.UniqueConstraint("name", name="uq_metric_names_name"),
    )
    op.create_table(
        "metric_batches",
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("run", "source", "number", name="pk_metric_batches"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_metric_batches_runs"),
    )
    op.create_table(
        "artifacts",
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("run", "name", name="pk_artifacts"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_artifacts_runs"),
    )
    op.create_table(
        "datasets",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_datasets"),
    )
    op.create_table(
        "run_datasets",
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("split", sa.String(100), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run", "split", name="pk_run_datasets"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_run_datasets_runs"),
        sa.ForeignKeyConstraint(["sha256"], ["datasets.sha256"], name="fk_run_datasets_datasets"),
    )
    op.create_index("ix_run_datasets_sha256", "run_datasets", ["sha256"])
    op.create_table(
        "studies",
        sa.Column("id", sa.String(100), nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
    )
    op.create_table(
        "trials",
        sa.Column("study", sa.String(100), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("study", "number", name="pk_trials"),
        sa.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_trials_studies"),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.String(100), nullable=False),
        sa.Column("user", sa.String(100), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name="fk_keys_users"),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("what", sa.String(100), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )


def _fill() -> None:
    """The experiments that runs name, and the values of their configs."""
    db = op.get_bind()
    runs = sa.table("runs", sa.column("number"), sa.column("record"))
    params = sa.table("params", *map(sa.column, ("run", "path", "value")))
    experiments = sa.table("experiments", *map(sa.column, ("name", "description", "created_at")))
    named: dict[str, float] = {}
    for number, text in db.execute(sa.select(runs.c.number, runs.c.record)).all():
        record = json.loads(text)
        named.setdefault(record.get("experiment", "default"), record["created_at"])
        for path, value in _flat(record["spec"].get("config", {})):
            row = {"run": number, "path": path, "value": json.dumps(value)}
            db.execute(sa.insert(params).values(row))
    for name, created_at in named.items():
        row = {"name": name, "description": "", "created_at": created_at}
        db.execute(sa.insert(experiments).values(row))


def _flat(config: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values by dotted path; one too long for its column is left out."""
    for key, value in config.items():
        path = f"{above}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{path}.")
        elif len(path) <= 200:
            yield path, value
