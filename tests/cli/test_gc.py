from __future__ import annotations

import fcntl
import json
import os

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.cli.main import main
from azuraforge.schema.events import CheckpointSaved, RunStarted
from azuraforge.schema.specs import CheckpointPolicy, RunSpec
from azuraforge.store.blobs import Blobs

STARTED = RunStarted(
    spec_hash="",
    model="m",
    monitor="mae",
    mode="min",
    parameters=1,
    samples={},
    epochs=1,
    steps=3,
    threads=1,
)


@pytest.fixture
def names(tmp_path) -> list[str]:
    """Three checkpoints of a run that keeps the last one alone; the third is its last."""
    blobs = Blobs(tmp_path)
    names = [blobs.put(bytes([n]) * 1000) for n in range(3)]
    spec = RunSpec(plugin="plane", checkpoint=CheckpointPolicy(keep_last=1))
    registry = Registry(tmp_path)
    run = registry.create_run(spec).id
    saved = [CheckpointSaved(step=n, epoch=1, sha256=name) for n, name in enumerate(names)]
    registry.append(run, 1, [STARTED, *saved])
    registry.close()
    for path in blobs.folder.rglob("*"):
        os.utime(path, (1000, 1000))
    return names


def test_what_no_run_keeps_is_told_by_a_dry_run_and_then_deleted(
    any_database, tmp_path, names, capsys
):
    home = ["--home", str(tmp_path)]

    assert main(["gc", "--dry-run", *home]) == 0
    assert len(list(Blobs(tmp_path).names())) == 3
    told = capsys.readouterr().out.splitlines()
    assert main(["gc", *home, "--json"]) == 0
    collected = json.loads(capsys.readouterr().out)

    assert sorted(told[:-1]) == sorted(collected["blobs"]) == sorted(names[:2])
    assert told[-1].startswith("would free 0.0 MB: 2 blobs, 0 unfinished files; kept 1 blobs")
    assert collected["freed_bytes"] == 2000
    assert [entry.sha256 for entry in Blobs(tmp_path).names()] == names[2:]


def test_what_is_younger_than_asked_stays(tmp_path, names, capsys):
    assert main(["gc", "--older-than", "999999999d", "--home", str(tmp_path)]) == 0

    assert len(list(Blobs(tmp_path).names())) == 3


@pytest.mark.parametrize("age", ["", "1", "h", "-1h", "1w", "1.5h", "1h "])
def test_an_age_written_otherwise_is_refused(age, tmp_path, capsys):
    assert main(["gc", f"--older-than={age}", "--home", str(tmp_path)]) == 2

    assert "30s, 10m, 12h or 2d" in capsys.readouterr().err


def test_nothing_is_written_while_references_are_held(tmp_path, names):
    registry = Registry(tmp_path)

    with registry.still() as referenced:
        assert referenced == {names[2]} == registry.referenced()
        with pytest.raises(BlockingIOError):
            lock(tmp_path)
    lock(tmp_path)
    registry.close()


def lock(home) -> None:
    """Take the writer's lock as another process would."""
    with (home / "registry.lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
