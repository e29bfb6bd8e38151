"""Every migration up and down, on both databases, with what was there before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from azuraforge.actors.recording.registry import Registry
from azuraforge.schema.commands import Command
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec
from azuraforge.store.database import HEAD, MIGRATIONS
from azuraforge.store.tables import metadata

EVENTS = ['{"type":"stopped","step":0,"reason":"a"}', '{"type":"stopped","step":0,"reason":"b"}']
RECORD = (
    '{"id":"%s","spec":{"plugin":"images","config":{"optim":{"lr":0.1}}},"state":"%s",'
    '"created_at":5.0,"last_seq":%d}'
)


@pytest.fixture
def engine(any_database: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database without any table, where a Registry of tmp_path will look for its own."""
    kind = request.node.callspec.params["any_database"]
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'registry.sqlite'}"
    else:
        server = request.getfixturevalue("postgres")
        url = server.new_database()
        request.getfixturevalue("monkeypatch").setenv("AZURAFORGE_DATABASE", url)
        url = url.replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def migrate(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        config = Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection})
        if revision == HEAD:
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)


def upgrade(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        config = Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection})
        command.upgrade(config, revision)


def tables(engine: Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names())


def write_as_0001(engine: Engine) -> None:
    """Two runs as the first version wrote them: one ended, one asked to stop."""
    with engine.begin() as db:
        for number, (run, state, events, stop) in enumerate(
            [("old", "stopped", EVENTS, None), ("on", "running", [], "enough")], 1
        ):
            db.execute(
                sa.text("INSERT INTO runs (id, record, stop) VALUES (:id, :record, :stop)"),
                {"id": run, "record": RECORD % (run, state, len(events)), "stop": stop},
            )
            for seq, event in enumerate(events, 1):
                db.execute(
                    sa.text("INSERT INTO events VALUES (:run, :seq, :event, 1.0)"),
                    {"run": number, "seq": seq, "event": event},
                )


def test_the_migrations_make_what_is_declared(engine):
    upgrade(engine, "head")

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_each_step_down_takes_back_what_its_step_up_made(engine):
    seen = []
    for revision in ("0001", "0002", "0003"):
        upgrade(engine, revision)
        seen.append(tables(engine))

    for revision, before in zip(
        ("0002", "0001", "base"), [*seen[-2::-1], {"alembic_version"}], strict=True
    ):
        migrate(engine, revision)
        assert tables(engine) == before
    upgrade(engine, "head")
    assert tables(engine) == seen[-1]


def test_what_the_first_version_wrote_is_read_by_the_last(engine, tmp_path):
    upgrade(engine, "0001")
    write_as_0001(engine)

    registry = Registry(tmp_path, clock=lambda: 100.0)
    old, running = registry.run("old"), registry.run("on")
    lost = registry.expire()

    chain = hashlib.sha256(bytes(32) + EVENTS[0].encode()).digest()
    chains = [chain.hex(), hashlib.sha256(chain + EVENTS[1].encode()).hexdigest()]
    assert (old.state, old.chain, old.spec) == (
        "stopped",
        chains[1],
        RunSpec(plugin="images", config={"optim": {"lr": 0.1}}),
    )
    assert [entry.chain for entry in registry.events("old")] == chains
    assert [one.command for one in registry.requests("on")] == [
        Command(name="stop", reason="enough")
    ]
    assert running.state == "running"
    assert [record.id for record in lost] == ["on"]
    assert registry.params("on") == {"optim.lr": 0.1}
    assert [(one.name, one.runs) for one in registry.experiments()] == [("default", 2)]
    new: RunRecord = registry.create_run(RunSpec(plugin="images"))
    assert [record.id for record in registry.runs()] == [new.id, "on", "old"]
    registry.close()


def test_going_down_keeps_the_runs_and_their_journals(engine):
    upgrade(engine, "0001")
    write_as_0001(engine)
    upgrade(engine, "head")

    migrate(engine, "0001")

    with engine.connect() as db:
        assert db.scalars(sa.text("SELECT id FROM runs ORDER BY number")).all() == ["old", "on"]
        assert db.scalars(sa.text("SELECT event FROM events ORDER BY seq")).all() == EVENTS
