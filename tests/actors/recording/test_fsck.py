from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore

from azuraforge.actors.recording.fsck import Health, fsck
from azuraforge.actors.recording.registry import Registry
from azuraforge.schema.catalogue import Artifact
from azuraforge.schema.commands import Command
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    RunFinished,
    RunStarted,
    StepFinished,
)
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import Blobs
from azuraforge.store.open import open_database
from azuraforge.store.s3 import S3Blobs

STARTED = RunStarted(
    spec_hash="5",
    model="m",
    monitor="mae",
    mode="min",
    parameters=1,
    samples={"train": 1},
    epochs=1,
    steps=3,
    threads=1,
)


def step(n: int) -> StepFinished:
    return StepFinished(step=n, epoch=1, loss=1 / n, lr=0.1, grad_norm=1.0, digest=f"{n:016x}")


def filled(home: Path) -> None:
    """A home with a finished run, one under way, and one that waits."""
    blobs, registry = Blobs(home), Registry(home)
    saved, weights = blobs.put(b"checkpoint" * 50), blobs.put(b"weights" * 50)
    middle: list[Event] = [step(1), CheckpointSaved(step=1, epoch=1, sha256=saved)]
    end: list[Event] = [
        step(2),
        Intervened(step=2, command="set", path="optim.lr", value=0.5, request=1),
        EpochFinished(epoch=1, step=2, train={}, validation={"mae": 1.0}, is_best=True),
        RunFinished(step=2, best_epoch=1, validation={"mae": 1.0}, test={}, weights=weights),
    ]
    done = registry.create_run(RunSpec(plugin="plane")).id
    registry.command(done, Command(name="set", path="optim.lr", value=0.5))
    registry.append(done, 1, [STARTED, *middle, *end])
    registry.append(registry.create_run(RunSpec(plugin="plane")).id, 1, [STARTED, *middle])
    registry.create_run(RunSpec(plugin="plane"))
    registry.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A home that nobody may change."""
    home = tmp_path_factory.mktemp("sound")
    filled(home)
    return home


@pytest.fixture
def home(sound, tmp_path) -> Path:
    return copied(sound, tmp_path)


def copied(sound: Path, folder: Path) -> Path:
    shutil.rmtree(folder / "home", ignore_errors=True)
    return Path(shutil.copytree(sound, folder / "home"))


def examined(home: Path) -> Health:
    return fsck(home, Blobs(home))


def sql(home: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(home / "registry.sqlite")
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_a_sound_home_has_no_damage_and_everything_is_counted(home):
    health = examined(home)

    assert (health.damage, health.notes) == ([], [])
    assert (health.runs, health.events, health.blobs) == (3, 10, 2)
    assert health.blob_bytes == 500 + 350


def test_a_home_in_which_nothing_was_done_is_sound_and_stays_empty(tmp_path):
    health = examined(tmp_path)

    assert (health.damage, health.runs) == ([], 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("statement", "place", "what"),
    [
        ("DELETE FROM events WHERE run=1 AND seq=4", "run", "events 4 to 4 are missing"),
        ("DELETE FROM events WHERE run=1 AND seq>5", "run", "its record says last_seq"),
        ("UPDATE events SET seq=9 WHERE run=1 AND seq=7", "run", "events 7 to 8 are missing"),
        ("UPDATE events SET event='{}' WHERE run=1 AND seq=2", "event 2", "not what was written"),
        ("UPDATE events SET event='x' WHERE run=1 AND seq=2", "event 2", "cannot be read"),
        ("UPDATE events SET chain=zeroblob(32) WHERE seq=3", "event 3", "its chain is 000"),
        ("UPDATE runs SET record=replace(record, '\"step\":2', '\"step\":1')", "run", "step 1"),
        ("UPDATE runs SET record='{' WHERE number=2", "run", "record cannot be read"),
        ("UPDATE checkpoints SET step=7 WHERE run=1", "checkpoint 3", "the table says (7, 1"),
        ("DELETE FROM checkpoints WHERE run=2", "checkpoint 3", "the table says None"),
        ("UPDATE requests SET done_seq=2", "request 1", "done by event 2"),
        ("UPDATE model_versions SET record='x'", "model m:1", "cannot be read"),
        ("DELETE FROM metric_batches WHERE run=1 AND number>1", "run", "its metric rows are not"),
        (
            "UPDATE metric_batches SET rows=CAST(rows || x'00' AS BLOB) WHERE run=2",
            "run",
            "its metric rows are",
        ),
        ("UPDATE metric_names SET name='x' WHERE name='step/lr'", "run", "its metric rows are not"),
        ("DELETE FROM runs WHERE number=2", "table", "that is not there"),
    ],
)
def test_what_the_database_holds_otherwise_than_it_was_written_is_named(
    home, statement, place, what
):
    sql(home, statement)

    told = examined(home).damage

    assert any(place in one.place and what in one.what for one in told), told
    assert all(one.remedy for one in told)


@given(data=st.data())
@settings(max_examples=100)
def test_one_changed_byte_in_any_event_or_record_is_found(sound, tmp_path_factory, data):
    home = copied(sound, tmp_path_factory.getbasetemp())
    table, column = data.draw(st.sampled_from([("events", "event"), ("events", "chain")]))
    connection = sqlite3.connect(home / "registry.sqlite")
    rows = connection.execute(f"SELECT CAST({column} AS BLOB) FROM {table}").fetchall()
    connection.close()
    value = data.draw(st.sampled_from([row[0] for row in rows]))
    at = data.draw(st.integers(0, len(value) - 1))
    file = bytearray((home / "registry.sqlite").read_bytes())
    place = file.find(value)
    assume(place >= 0)  # the value lies in one piece
    file[place + at] ^= data.draw(st.integers(1, 255))
    (home / "registry.sqlite").write_bytes(file)

    assert examined(home).damage != []


@given(data=st.data())
@settings(max_examples=100)
def test_a_changed_byte_anywhere_in_the_database_is_never_a_crash(sound, tmp_path_factory, data):
    home = copied(sound, tmp_path_factory.getbasetemp())
    file = bytearray((home / "registry.sqlite").read_bytes())
    used = [at for at, byte in enumerate(file) if byte]  # most of a small database is zeros
    file[data.draw(st.sampled_from(used))] ^= data.draw(st.integers(1, 255))
    (home / "registry.sqlite").write_bytes(file)

    assert examined(home).blobs == 2


@given(data=st.data())
@settings(max_examples=60)
def test_any_file_emptied_cut_short_or_deleted_is_found(sound, tmp_path_factory, data):
    home = copied(sound, tmp_path_factory.getbasetemp())
    files = sorted(p for p in home.rglob("*") if p.is_file() and p.suffix != ".lock")
    path = data.draw(st.sampled_from(files))
    assume(not path.name.endswith(("-wal", "-shm")))
    length = data.draw(st.integers(-1, path.stat().st_size - 1))
    if length < 0:
        path.unlink()
    else:
        os.truncate(path, length)

    assert examined(home).damage != []


def test_a_page_that_is_cut_is_found_though_only_zeros_are_lost(home):
    path = home / "registry.sqlite"
    with path.open("ab") as file:
        file.write(b"\0")

    assert any("are no whole pages" in one.what for one in examined(home).damage)


@given(at=st.integers(0, 849), flip=st.integers(1, 255))
def test_one_changed_byte_in_any_blob_is_found_with_who_needs_it(sound, tmp_path_factory, at, flip):
    home = copied(sound, tmp_path_factory.getbasetemp())
    small, large = sorted(
        (p for p in (home / "blobs").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
    )
    path, at = (small, at) if at < 350 else (large, at - 350)
    data = bytearray(path.read_bytes())
    data[at] ^= flip
    path.write_bytes(data)

    (found,) = examined(home).damage

    assert found.place == f"blob {path.parent.name}{path.name}"
    assert "damaged" in found.what
    assert ("model m:1" if path == small else "checkpoint 3 of run") in found.what


def test_what_nobody_needs_is_a_note_and_no_damage(home):
    blobs = Blobs(home)
    unused = blobs.put(b"old")
    (blobs.folder / "ab").mkdir(exist_ok=True)
    (blobs.folder / "ab/unfinished-x").write_bytes(b"")
    (blobs.folder / "note").write_bytes(b"")

    health = examined(home)

    assert health.damage == []
    assert {note.place for note in health.notes} == {
        f"blob {unused}",
        "ab/unfinished-x among the blobs",
        "note among the blobs",
    }


def test_thinned_rows_are_no_damage(home):
    registry = Registry(home)
    run = registry.create_run(RunSpec(plugin="plane")).id
    registry.append(run, 1, [STARTED, *(step(n) for n in range(1, 50))])
    gone = registry.thin(run, 4)
    registry.close()

    assert gone > 0
    assert examined(home).damage == []


def test_an_artifact_is_needed_like_a_checkpoint(home):
    registry, blobs = Registry(home), Blobs(home)
    run = registry.runs()[0].id
    name = blobs.put(b"a picture")
    picture = Artifact(name="picture.png", sha256=name, size_bytes=9, media_type="image/png")
    registry.log_artifact(run, picture)
    registry.close()

    assert examined(home).notes == []
    (blobs.folder / name[:2] / name[2:]).unlink()
    (found,) = examined(home).damage

    assert found.place == f"blob {name}"
    assert f"artifact 'picture.png' of run {run}" in found.what


def test_a_run_with_much_damage_is_told_in_few_sentences(home):
    sql(home, "UPDATE events SET chain=zeroblob(32)")
    registry = Registry(home)
    busy = registry.create_run(RunSpec(plugin="plane")).id
    registry.append(busy, 1, [STARTED, *(step(n) for n in range(1, 50))])
    registry.close()
    sql(home, "UPDATE events SET event=event || ' ' WHERE run=4")

    told = [one for one in examined(home).damage if busy in one.place]

    assert len(told) == 11
    assert told[-1].what == "40 more things are wrong with its journal"


def test_nothing_that_is_there_is_changed_by_looking(home):
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    examined(home)

    assert {path: path.read_bytes() for path in before} == before


def test_either_database_is_gone_through(any_database, tmp_path):
    filled(tmp_path)
    assert examined(tmp_path).damage == []

    with closing(open_database(tmp_path)) as database, database.write() as db:
        db.exec_driver_sql("UPDATE events SET event='{}' WHERE run=1 AND seq=2")
        db.exec_driver_sql("DELETE FROM events WHERE run=2 AND seq=2")
    told = [f"{one.place}: {one.what}" for one in examined(tmp_path).damage]

    assert any("event 2: its chain is" in one for one in told)
    assert any("event 2: it cannot be read" in one for one in told)
    assert any("events 2 to 2 are missing" in one for one in told)


def test_a_bucket_is_gone_through_like_a_folder(home):
    blobs = S3Blobs(MemoryStore(), "memory")
    for entry in Blobs(home).names():
        blobs.put(Blobs(home).get(entry.sha256))

    assert fsck(home, blobs) == examined(home)
    blobs.delete(next(blobs.names()).sha256, put_before=1e12)
    assert "it is missing" in fsck(home, blobs).damage[0].what
