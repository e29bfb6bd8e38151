from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.exc import OperationalError

from azuraforge.errors import HomeError
from azuraforge.store.database import HEAD, MIGRATIONS
from azuraforge.store.sqlite import SQLite
from azuraforge.store.tables import metadata, runs

QUEUED = {"state": "queued", "experiment": "default"}


@pytest.fixture
def database(tmp_path):
    database = SQLite(tmp_path)
    yield database
    database.close()


def add_run(database: SQLite, name: str, record: str = "{}", *, durable: bool = True) -> None:
    with database.write(durable=durable) as db:
        db.execute(insert(runs).values(id=name, record=record, **QUEUED))


def names(database: SQLite) -> list[str]:
    with database.read() as db:
        return list(db.scalars(select(runs.c.id).order_by(runs.c.number)))


def test_the_head_this_code_knows_is_the_newest_migration():
    scripts = ScriptDirectory.from_config(Config(MIGRATIONS / "alembic.ini"))

    assert scripts.get_heads() == [HEAD]


def test_the_migrations_make_exactly_the_tables_that_are_declared(database):
    declared = create_engine("sqlite://")
    metadata.create_all(declared)

    with database.read() as migrated, declared.connect() as created:
        difference = compare_metadata(MigrationContext.configure(migrated), metadata)
        tables = [_statements(migrated), _statements(created)]
    declared.dispose()

    assert difference == []
    assert tables[0].items() >= tables[1].items()  # names of constraints and WITHOUT ROWID, too
    assert tables[0].keys() - tables[1].keys() == {"alembic_version"}


def _statements(db) -> dict[str, set[str]]:
    rows = db.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    # SQLite quotes the name of a table that was made anew.
    return {
        name: {line.strip(" \t,").replace('"', "") for line in sql.splitlines()}
        for name, sql in rows
    }


def test_opening_a_database_that_is_up_to_date_does_not_load_alembic(database, tmp_path):
    program = """
import sys
from pathlib import Path
from azuraforge.store.sqlite import SQLite
SQLite(Path(sys.argv[1])).close()
print("alembic" in sys.modules)
"""

    printed = subprocess.check_output([sys.executable, "-c", program, tmp_path], text=True)

    assert printed == "False\n"


def test_a_commit_is_synced_logged_ahead_and_checked_for_foreign_keys(database):
    with database.write() as db:
        found = [db.scalar(text(f"PRAGMA {name}")) for name in PRAGMAS]

    assert dict(zip(PRAGMAS, found, strict=True)) == PRAGMAS


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2 is FULL


def test_a_commit_after_one_that_was_not_durable_is_synced_again(database):
    add_run(database, "a", durable=False)

    with database.write() as db:
        synchronous = db.scalar(text("PRAGMA synchronous"))

    assert synchronous == 2


def test_a_transaction_whose_block_raises_leaves_nothing(database):
    def fail() -> None:
        with database.write() as db:
            db.execute(insert(runs).values(id="a", record="{}", **QUEUED))
            db.execute(text("CREATE TABLE other (x INTEGER)"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert names(database) == []
    with database.read() as db:
        assert "other" not in _statements(db)


def test_a_migration_that_fails_leaves_nothing_half_made(tmp_path):
    other = sqlite3.connect(tmp_path / "registry.sqlite")
    other.execute("CREATE TABLE aliases (x INTEGER)")  # the last one that 0001 makes

    with pytest.raises(OperationalError, match="aliases already exists"):
        SQLite(tmp_path)

    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("aliases",)]
    other.close()


def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_it(database, tmp_path):
    reader = SQLite(tmp_path)
    add_run(database, "a")

    with database.write() as db:
        db.execute(insert(runs).values(id="b", record="{}", **QUEUED))
        meanwhile = names(reader)

    assert meanwhile == ["a"]
    assert names(reader) == ["a", "b"]
    reader.close()


def test_opening_a_database_does_not_wait_for_a_writer(database, tmp_path):
    with database.write():
        SQLite(tmp_path, timeout_s=0).close()


def test_a_writer_waits_for_another_one_and_then_goes_on(database, tmp_path):
    other = SQLite(tmp_path)
    waiting = threading.Thread(target=add_run, args=(other, "second"))

    with database.write() as db:
        waiting.start()
        db.execute(insert(runs).values(id="first", record="{}", **QUEUED))
    waiting.join(timeout=60)

    assert names(database) == ["first", "second"]
    other.close()


def test_a_writer_that_waits_too_long_is_told_why(database, tmp_path):
    impatient = SQLite(tmp_path, timeout_s=0.01)

    with database.write(), pytest.raises(HomeError, match="another process has been writing for"):
        add_run(impatient, "a")

    add_run(impatient, "b")
    assert names(impatient) == ["b"]
    impatient.close()


def test_a_lock_whose_holder_was_killed_is_free(tmp_path, database):
    program = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import text
from azuraforge.store.sqlite import SQLite
with SQLite(Path(sys.argv[1])).write() as db:
    columns = "(id, record, state, experiment)"
    db.execute(text(f"INSERT INTO runs {columns} VALUES ('half', '{{}}', '', '')"))
    os.kill(os.getpid(), signal.SIGKILL)
"""

    killed = subprocess.run([sys.executable, "-c", program, tmp_path], check=False, timeout=60)
    add_run(database, "a")

    assert killed.returncode == -9
    assert names(database) == ["a"]


def test_many_processes_may_open_a_new_home_at_once(tmp_path):
    program = """
import sys
from pathlib import Path
from azuraforge.store.sqlite import SQLite
sys.stdin.read()  # until all are there
SQLite(Path(sys.argv[1])).close()
"""
    command = [sys.executable, "-c", program, str(tmp_path)]

    started = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(4)]
    for process in started:
        process.stdin.close()

    assert [process.wait(timeout=60) for process in started] == [0] * 4


def test_a_database_of_a_newer_program_is_refused_and_left_alone(tmp_path):
    SQLite(tmp_path).close()
    file = sqlite3.connect(tmp_path / "registry.sqlite")
    file.execute("UPDATE alembic_version SET version_num = '9999'")
    file.commit()

    with pytest.raises(HomeError, match=r"newer AzuraForge.*update AzuraForge"):
        SQLite(tmp_path)

    assert file.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    file.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    (tmp_path / "registry.sqlite").write_text("dear diary " * 1000)

    with pytest.raises(HomeError, match=r"registry\.sqlite: it is not a database"):
        SQLite(tmp_path)

    assert (tmp_path / "registry.sqlite").read_text() == "dear diary " * 1000


def test_a_file_that_is_spoilt_while_it_is_open_is_refused(tmp_path):
    SQLite(tmp_path).close()
    database = SQLite(tmp_path)
    (tmp_path / "registry.sqlite").write_text("dear diary " * 1000)

    with pytest.raises(HomeError, match=r"registry\.sqlite: it is not a database"):
        add_run(database, "a")

    database.close()


def test_a_folder_in_the_place_of_the_database_is_refused(tmp_path):
    (tmp_path / "registry.sqlite").mkdir()

    with pytest.raises(HomeError, match=r"registry\.sqlite: it cannot be opened"):
        SQLite(tmp_path)


def test_a_home_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(HomeError, match="No such file or directory; set AZURAFORGE_HOME"):
        SQLite(tmp_path / "nowhere")


def test_a_home_whose_name_is_full_of_signs_works(tmp_path):
    folder = tmp_path / "50% of ünlike? #1 &c"
    folder.mkdir()

    database = SQLite(folder)
    add_run(database, "a")

    assert names(database) == ["a"]
    assert (folder / "registry.sqlite").is_file()
    database.close()


def test_a_disk_turned_read_only_is_refused(small_disk):
    SQLite(small_disk).close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(HomeError, match=f"{small_disk}: Read-only file system"):
        SQLite(small_disk)


def fill_up(file: Path) -> None:
    with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(bytes(4096)):
            pass


def test_a_full_disk_is_one_clear_sentence_and_passes_when_there_is_room(small_disk):
    database = SQLite(small_disk)
    add_run(database, "before")
    filler = small_disk / "filler"
    fill_up(filler)

    with pytest.raises(HomeError, match=r"registry\.sqlite: no room left on the disk"):
        add_run(database, "too much", "x" * 100_000)
    meanwhile = names(database)
    filler.unlink()
    add_run(database, "after")

    assert meanwhile == ["before"]
    assert names(database) == ["before", "after"]
    database.close()


def test_a_file_that_may_not_grow_is_told_as_a_disk_that_fails(tmp_path):
    program = """
import resource, sys
from pathlib import Path
from sqlalchemy import text
from azuraforge.errors import HomeError
from azuraforge.store.sqlite import SQLite
database = SQLite(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    with database.write() as db:
        row = "INSERT INTO runs (id, record, state, experiment) VALUES ('a', :x, '', '')"
        db.execute(text(row), {"x": "x" * 500_000})
except HomeError as error:
    print(error)
"""

    printed = subprocess.check_output([sys.executable, "-c", program, tmp_path], text=True)
    database = SQLite(tmp_path)

    assert "the disk failed or has no room left" in printed
    assert names(database) == []
    database.close()


def test_the_home_holds_the_database_and_the_lock_alone_once_closed(tmp_path):
    database = SQLite(tmp_path)
    add_run(database, "a")

    database.close()

    assert {path.name for path in Path(tmp_path).iterdir()} == {"registry.sqlite", "registry.lock"}
