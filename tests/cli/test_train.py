"""`azuraforge train` from end to end; where a signal is sent, as a process of its own."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from azuraforge.cli.main import main

pytestmark = pytest.mark.usefixtures("plane")
TRAIN = ["train", "plane", "--runtime", "local", "--set", "optim.lr=0.1"]
SHORT = ["--set", "training.epochs=3"]
ENDLESS = ["--set", "training.epochs=100000", "--json"]
AZURAFORGE = [sys.executable, "-m", "azuraforge"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def train(home: Path, *words: str) -> int:
    return main([*TRAIN, *SHORT, *words, "--home", str(home)])


@pytest.fixture
def trained(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """What a short run printed to stdout and to stderr."""
    monkeypatch.setattr(sys, "argv", ["azuraforge/__main__.py"])
    assert train(home) == 0
    told = capsys.readouterr()
    return told.out, told.err


def test_results_go_to_stdout_and_the_story_to_stderr(trained: tuple[str, str]) -> None:
    out, err = trained

    assert "best epoch: 3 of 3" in out
    assert "metric   model  persistence  better" in out
    assert "registered: plane version 1, now champion" in out
    assert [line.split()[0] for line in out.splitlines()[-11:-1]] == [str(n) for n in range(1, 11)]
    assert "32 train, 32 validation, 32 test points; 3 epochs of 1 step on 1 thread" in err
    assert [line[:9] for line in err.splitlines() if line.startswith("epoch")] == [
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
    ]


def test_a_log_holds_no_control_characters(trained: tuple[str, str]) -> None:
    out, err = trained

    assert all(line.isprintable() for line in (out + err).splitlines())


def test_the_commands_at_the_end_work_when_pasted(trained: tuple[str, str]) -> None:
    _, err = trained
    predict, runs, tui = (line.strip() for line in err.partition("next:\n")[2].splitlines())

    for command in (predict, runs, f"{tui} --help"):
        done = subprocess.run(shlex.split(command), capture_output=True, check=False, timeout=60)
        assert (done.returncode, done.stdout != b"") == (0, True), done.stderr


def test_a_model_that_is_no_better_does_not_become_champion(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(home)
    capsys.readouterr()

    assert train(home, "--set", "optim.lr=1e-6") == 0

    told = capsys.readouterr().out
    assert "registered: plane version 2; champion stays version 1: validation mae" in told
    assert "lower is better" in told


def test_json_is_a_line_per_event_and_then_the_record(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(home, "--json", "--quiet") == 0

    told = capsys.readouterr()
    *entries, record = [json.loads(line) for line in told.out.splitlines()]
    assert told.err == ""
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[0]["event"]["type"] == "run-started"
    assert entries[-1]["event"]["type"] == "finished"
    assert (record["state"], record["model_version"]) == ("finished", 1)


def test_the_model_is_registered_under_the_name_asked_for(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(home, "--model", "mine", "--quiet") == 0

    assert "registered: mine version 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "plaen"], "did you mean plane?"),
        (["train", "plane", "--set", "optim.rl=1"], "did you mean optim.lr?"),
        (["train", "plane", "--set", "optim.lr=0"], "a number > 0"),
        (["train", "plane", "--set", "training.epochs=many"], "a whole number"),
        (["train", "plane", "--model", "../up"], "--model"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    words: list[str], told: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--home", str(home)]) == 2

    said = capsys.readouterr()
    assert said.err.startswith("azuraforge: error: ")
    assert told in said.err
    assert not home.exists()


def test_two_wrong_settings_are_told_on_two_lines(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(home, "--set", "optim.lr=-1", "--set", "optim.rl=1") == 2

    assert capsys.readouterr().err.count("\n") == 3


def test_a_home_that_cannot_be_used_is_told_before_the_runtime_starts(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("")

    assert train(home) == 1

    told = capsys.readouterr().err
    assert "not a folder" in told
    assert "starting" not in told


def test_a_loss_that_is_no_number_fails_the_run_with_its_step(home: Path) -> None:
    words = ["--set", "optim.name=sgd", "--set", "optim.lr=100", "--set", "training.epochs=100"]

    done = subprocess.run(
        [*AZURAFORGE, *TRAIN, *words, "--home", str(home)],
        capture_output=True,
        check=False,
        timeout=60,
        text=True,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert "failed after step" in done.stderr.splitlines()[-1]
    assert "NonFiniteError" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_stopped_with_its_checkpoint_kept(
    number: signal.Signals, home: Path
) -> None:
    child = subprocess.Popen(
        [*AZURAFORGE, *TRAIN, *ENDLESS, "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert '"run-started"' in child.stdout.readline()

    child.send_signal(number)
    out, err = child.communicate(timeout=60)

    *_, entry, record = [json.loads(line) for line in out.splitlines()]
    assert child.returncode == 130
    assert entry["event"]["type"] == "stopped"
    assert entry["event"]["reason"] == number.name
    assert record["state"] == "stopped"
    assert f"checkpoint kept: {record['checkpoint']}" in err.splitlines()[-1]


def test_a_run_is_stopped_when_nobody_reads_its_events_any_more(home: Path) -> None:
    child = subprocess.Popen(
        [*AZURAFORGE, *TRAIN, *ENDLESS, "--home", str(home), "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()

    child.stdout.close()
    told = child.stderr.read()
    child.stderr.close()

    assert (child.wait(timeout=60), told) == (141, "")


def test_on_a_terminal_a_line_is_redrawn_in_place(home: Path) -> None:
    reader, terminal = pty.openpty()
    child = subprocess.Popen(
        [*AZURAFORGE, *TRAIN, *SHORT, "--home", str(home)],
        stdout=subprocess.DEVNULL,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(terminal)

    told = b""
    while chunk := _read(reader):
        told += chunk
    os.close(reader)

    assert child.wait(timeout=60) == 0
    assert b"\r\x1b[Kepoch 1/3  [" in told
    assert b"\r\x1b[Kepoch 1/3  train loss" in told


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # EIO: the other end is closed
        return b""
