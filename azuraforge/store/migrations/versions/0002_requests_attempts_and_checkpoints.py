"""Requests, attempts, checkpoints, dead letters, tags, lineage, and the chain of a journal."""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

RUNS = sa.table(
    "runs",
    *map(sa.column, ("number", "record", "stop", "state", "experiment", "heard_at")),
)
EVENTS = sa.table("events", *map(sa.column, ("run", "seq", "event", "chain")))
WITHOUT_ROWID = {"sqlite_with_rowid": False}


def upgrade() -> None:
    op.add_column("runs", sa.Column("state", sa.String(20)))
    op.add_column("runs", sa.Column("experiment", sa.String(100)))
    op.add_column("runs", sa.Column("heard_at", sa.Float))
    op.add_column("runs", sa.Column("best_step", sa.Integer))
    op.add_column("events", sa.Column("chain", sa.LargeBinary))
    _create_tables()
    _fill_runs()
    _fill_chains()
    with op.batch_alter_table("events", table_kwargs=WITHOUT_ROWID) as events:
        events.alter_column("chain", existing_type=sa.LargeBinary, nullable=False)
    with op.batch_alter_table("runs") as runs:
        runs.alter_column("state", existing_type=sa.String(20), nullable=False)
        runs.alter_column("experiment", existing_type=sa.String(100), nullable=False)
        runs.drop_column("stop")
    op.create_index("ix_runs_state", "runs", ["state"])
    op.create_index("ix_runs_experiment", "runs", ["experiment"])


def downgrade() -> None:
    op.drop_index("ix_runs_experiment", "runs")
    op.drop_index("ix_runs_state", "runs")
    for table in ("lineage", "tags", "checkpoints", "dead_letters", "attempts", "requests"):
        op.drop_table(table)
    with op.batch_alter_table("events", table_kwargs=WITHOUT_ROWID) as events:
        events.drop_column("chain")
    with op.batch_alter_table("runs") as runs:
        for name in ("state", "experiment", "heard_at", "best_step"):
            runs.drop_column(name)
        runs.add_column(sa.Column("stop", sa.Text))


def _create_tables() -> None:
    op.create_table(
        "requests",
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("at_step", sa.Integer),
        sa.Column("done_seq", sa.Integer),
        sa.PrimaryKeyConstraint("run", "number", name="pk_requests"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_requests_runs"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attempts",
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("began_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("cause", sa.Text),
        sa.PrimaryKeyConstraint("run", "number", name="pk_attempts"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_attempts_runs"),
    )
    op.create_table(
        "dead_letters",
        sa.Column("run", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_dead_letters"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_dead_letters_runs"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("is_best", sa.Boolean, nullable=False),
        sa.Column("is_kept", sa.Boolean, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("best_step", sa.Integer),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_checkpoints"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_checkpoints_runs"),
    )
    op.create_table(
        "tags",
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "key", name="pk_tags"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_tags_runs"),
    )
    op.create_index("ix_tags_key", "tags", ["key"])
    op.create_table(
        "lineage",
        sa.Column("run", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("parent", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_lineage"),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name="fk_lineage_run"),
        sa.ForeignKeyConstraint(["parent"], ["runs.number"], name="fk_lineage_parent"),
    )
    op.create_index("ix_lineage_parent", "lineage", ["parent"])


def _fill_runs() -> None:
    """The state as a column; a stop that was asked for becomes a request.

    A run that was on has no lease, so it counts as silent from the beginning of time.
    """
    db = op.get_bind()
    for number, record, stop in db.execute(sa.select(RUNS.c.number, RUNS.c.record, RUNS.c.stop)):
        state = json.loads(record)["state"]
        heard_at = 0.0 if state == "running" else None
        values = {"state": state, "experiment": "default", "heard_at": heard_at}
        db.execute(sa.update(RUNS).where(RUNS.c.number == number).values(values))
        if stop is not None and state == "running":
            command = json.dumps({"name": "stop", "reason": stop})
            requests = sa.table("requests", *map(sa.column, ("run", "number", "command")))
            db.execute(sa.insert(requests).values(run=number, number=1, command=command))


def _fill_chains() -> None:
    """The chain of each event, and of the last one in its run's record."""
    db = op.get_bind()
    c = EVENTS.c
    rows = db.execute(sa.select(c.run, c.seq, c.event).order_by(c.run, c.seq)).all()
    for run, events in groupby(rows, lambda row: row.run):
        chain = bytes(32)
        for _, seq, event in events:
            chain = sha256(chain + event.encode()).digest()
            this = (c.run == run) & (c.seq == seq)
            db.execute(sa.update(EVENTS).where(this).values(chain=chain))
        text = db.scalars(sa.select(RUNS.c.record).where(RUNS.c.number == run)).one()
        record = json.dumps({**json.loads(text), "chain": chain.hex()})
        db.execute(sa.update(RUNS).where(RUNS.c.number == run).values(record=record))
