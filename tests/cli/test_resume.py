"""`azuraforge resume`: a killed run ends as if it had not been."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.cli.main import main

pytestmark = pytest.mark.usefixtures("plane")
AZURAFORGE = [sys.executable, "-m", "azuraforge"]
TRAIN = ["train", "plane", "--runtime", "local", "--json", "--set", "training.epochs=400"]


def killed_run(home: Path) -> str:
    """A run whose process was killed in its middle, and that the home knows to be lost."""
    with subprocess.Popen(
        [*AZURAFORGE, *TRAIN, "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            entry = json.loads(line)
            if entry["seq"] == 30:
                child.kill()
                break
    with closing(Registry(home, clock=lambda: time.time() + 60)) as registry:
        (lost,) = registry.expire()
    return lost.id


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    record: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return record


def test_a_killed_run_that_is_resumed_has_the_journal_of_an_undisturbed_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = killed_run(tmp_path / "one")

    resumed = main(["resume", run, "--runtime", "local", "--json", "--home", str(tmp_path / "one")])
    one = last_line(capsys)
    undisturbed = main([*TRAIN, "--home", str(tmp_path / "two")])
    two = last_line(capsys)

    assert (resumed, undisturbed) == (0, 0)
    assert (one["id"], one["state"], one["attempt"], two["attempt"]) == (run, "finished", 2, 1)
    assert one["last_seq"] == two["last_seq"]
    assert one["chain"] == two["chain"]


def test_a_run_that_has_ended_cannot_be_resumed_and_the_way_on_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN[:-1], "training.epochs=2", "--home", str(tmp_path)]) == 0
    run = str(last_line(capsys)["id"])

    assert main(["resume", run, "--runtime", "local", "--home", str(tmp_path)]) == 5

    assert f"`azuraforge fork {run} --at 2`" in capsys.readouterr().err


def test_a_run_that_is_not_there_cannot_be_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", "none", "--runtime", "local", "--home", str(tmp_path)]) == 4
