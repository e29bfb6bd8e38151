from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from sqlalchemy import insert, select, text

from azuraforge.errors import ConfigError, HomeError, RefusedError, ServiceError
from azuraforge.store.open import open_database
from azuraforge.store.postgres import PostgreSQL
from azuraforge.store.sqlite import SQLite
from azuraforge.store.tables import runs

QUEUED = {"state": "queued", "experiment": "default", "record": "{}"}


@pytest.fixture
def url(postgres):
    return postgres.new_database("migrated")


@pytest.fixture
def database(url):
    database = PostgreSQL(url)
    yield database
    database.close()


def add_run(database: PostgreSQL, name: str) -> None:
    with database.write() as db:
        db.execute(insert(runs).values(id=name, **QUEUED))


def names(database: PostgreSQL) -> list[str]:
    with database.read() as db:
        return list(db.scalars(select(runs.c.id).order_by(runs.c.number)))


def test_a_transaction_whose_block_raises_leaves_nothing(database):
    def fail() -> None:
        with database.write() as db:
            db.execute(insert(runs).values(id="a", **QUEUED))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert names(database) == []


def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_it(database, url):
    reader = PostgreSQL(url)
    add_run(database, "a")

    with database.write() as db:
        db.execute(insert(runs).values(id="b", **QUEUED))
        meanwhile = names(reader)

    assert meanwhile == ["a"]
    assert names(reader) == ["a", "b"]
    reader.close()


def test_what_is_read_does_not_change_while_it_is_read(database, url):
    other = PostgreSQL(url)

    with database.read() as db:
        before = db.scalars(select(runs.c.id)).all()
        add_run(other, "a")
        after = db.scalars(select(runs.c.id)).all()

    assert before == after == []
    other.close()


def test_who_reads_cannot_write(database):
    with pytest.raises(HomeError, match="it cannot be written"), database.read() as db:
        db.execute(insert(runs).values(id="a", **QUEUED))


def test_a_writer_waits_for_another_one_and_then_goes_on(database, url):
    other = PostgreSQL(url)
    waiting = threading.Thread(target=add_run, args=(other, "second"))

    with database.write() as db:
        waiting.start()
        db.execute(insert(runs).values(id="first", **QUEUED))
    waiting.join(timeout=60)

    assert names(database) == ["first", "second"]
    other.close()


def test_a_writer_that_waits_too_long_is_told_why(database, url):
    impatient = PostgreSQL(url, timeout_s=0.01)

    with database.write(), pytest.raises(HomeError, match="another process has been writing for"):
        add_run(impatient, "a")

    add_run(impatient, "b")
    assert names(impatient) == ["b"]
    impatient.close()


def test_a_writer_that_was_killed_leaves_nothing_and_holds_nobody_up(database, url):
    program = """
import os, signal, sys
from sqlalchemy import text
from azuraforge.store.postgres import PostgreSQL
with PostgreSQL(sys.argv[1]).write() as db:
    columns = "(id, record, state, experiment)"
    db.execute(text(f"INSERT INTO runs {columns} VALUES ('half', '{{}}', '', '')"))
    os.kill(os.getpid(), signal.SIGKILL)
"""

    killed = subprocess.run([sys.executable, "-c", program, url], check=False, timeout=60)
    add_run(database, "a")

    assert killed.returncode == -9
    assert names(database) == ["a"]


def test_a_commit_that_is_not_durable_is_one_transaction_only(database):
    with database.write(durable=False) as db:
        loose = db.scalar(text("SHOW synchronous_commit"))
    with database.write() as db:
        sound = db.scalar(text("SHOW synchronous_commit"))

    assert (loose, sound) == ("off", "on")


def test_many_processes_may_open_a_new_database_at_once(postgres):
    program = """
import sys
from azuraforge.store.postgres import PostgreSQL
sys.stdin.read()  # until all are there
PostgreSQL(sys.argv[1]).close()
"""
    command = [sys.executable, "-c", program, postgres.new_database()]

    started = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(3)]
    for process in started:
        process.stdin.close()

    assert [process.wait(timeout=60) for process in started] == [0] * 3


def test_a_connection_that_the_server_cut_is_told_and_made_anew(database, postgres):
    add_run(database, "a")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    postgres.execute(f"{cut} AND datname IS NOT NULL")

    with pytest.raises(ServiceError, match="the server does not answer"):
        add_run(database, "b")
    add_run(database, "c")

    assert names(database) == ["a", "c"]


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path):
    with pytest.raises(ServiceError, match="the server does not answer") as told:
        PostgreSQL(f"postgresql://ada:sesame@/registry?host={tmp_path}")

    assert "sesame" not in str(told.value)


@pytest.mark.parametrize("url", ["mysql://a/b", "sqlite:///x", "nonsense", "postgresql://a:b:c/d"])
def test_a_url_that_cannot_be_used_is_refused_with_one_that_can(tmp_path, url):
    with pytest.raises(ConfigError, match="postgresql://user:password@host/name"):
        open_database(tmp_path, url)


def test_a_text_that_cannot_be_kept_is_refused(database):
    with pytest.raises(RefusedError, match="NUL"):
        add_run(database, "a\0b")


def test_a_database_of_a_newer_program_is_refused(url):
    database = PostgreSQL(url)
    with database.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()

    with pytest.raises(HomeError, match=r"newer AzuraForge.*update AzuraForge"):
        PostgreSQL(url)


def test_the_environment_names_the_database_where_nobody_else_does(tmp_path, url, monkeypatch):
    monkeypatch.setenv("AZURAFORGE_DATABASE", url)
    there = open_database(tmp_path)
    monkeypatch.delenv("AZURAFORGE_DATABASE")
    here = open_database(tmp_path)

    assert (type(there), type(here)) == (PostgreSQL, SQLite)
    there.close()
    here.close()
