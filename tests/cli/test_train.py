"""`azuraforge train` from end to end, on real digits; where a signal is sent, as a process."""

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

SHORT = ["--runtime", "local", "--set", "training.epochs=1"]
AZURAFORGE = [sys.executable, "-m", "azuraforge"]


def train(home: Path, *words: str) -> int:
    return main(["train", "images", *SHORT, *words, "--home", str(home)])


@pytest.fixture
def trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """What a short run printed to stdout and to stderr."""
    monkeypatch.setattr(sys, "argv", ["azuraforge/__main__.py"])
    assert train(tmp_path) == 0
    told = capsys.readouterr()
    return told.out, told.err


def test_results_go_to_stdout_and_the_story_to_stderr(trained: tuple[str, str]) -> None:
    out, err = trained

    assert "best epoch: 1 of 1" in out
    assert "registered: digits version 1, now champion" in out
    assert [line.split()[0] for line in out.splitlines()[-11:-1]] == [str(n) for n in range(1, 11)]
    assert "epoch 1/1  train loss" in err
    assert " images/s" in err


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
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path)
    capsys.readouterr()

    assert train(tmp_path, "--set", "optim.lr=1e-6") == 0

    told = capsys.readouterr().out
    assert "registered: digits version 2; champion stays version 1: validation accuracy" in told
    assert "higher is better" in told


def test_json_is_a_line_per_event_and_then_the_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, "--json", "--quiet") == 0

    told = capsys.readouterr()
    *entries, record = [json.loads(line) for line in told.out.splitlines()]
    assert told.err == ""
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[0]["event"]["type"] == "run-started"
    assert entries[-1]["event"]["type"] == "finished"
    assert (record["state"], record["model_version"]) == ("finished", 1)


def test_the_model_is_registered_under_the_name_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, "--model", "mine", "--quiet") == 0

    assert "registered: mine version 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "imags"], "did you mean images?"),
        (["train", "images", "--set", "optim.rl=1"], "did you mean optim.lr?"),
        (["train", "images", "--set", "optim.lr=0"], "a number > 0"),
        (["train", "images", "--set", "training.epochs=many"], "a whole number"),
        (["train", "images", "--model", "../up"], "--model"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--home", str(tmp_path)]) == 2

    said = capsys.readouterr()
    assert said.err.startswith("azuraforge: error: ")
    assert told in said.err
    assert list(tmp_path.iterdir()) == []


def test_two_wrong_settings_are_told_on_two_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, "--set", "optim.lr=-1", "--set", "optim.rl=1") == 2

    assert capsys.readouterr().err.count("\n") == 3


def test_a_home_that_cannot_be_used_is_told_before_the_runtime_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("")

    assert train(tmp_path / "home") == 1

    told = capsys.readouterr().err
    assert "not a folder" in told
    assert "starting" not in told


def test_a_loss_that_is_no_number_fails_the_run_with_its_step(tmp_path: Path) -> None:
    words = ["--set", "optim.name=sgd", "--set", "optim.lr=100", "--set", "optim.momentum=0.99"]

    done = subprocess.run(
        [*AZURAFORGE, "train", "images", *SHORT, *words, "--home", str(tmp_path)],
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
    number: signal.Signals, tmp_path: Path
) -> None:
    words = ["train", "images", "--runtime", "local", "--set", "training.epochs=1000", "--json"]
    child = subprocess.Popen(
        [*AZURAFORGE, *words, "--home", str(tmp_path)],
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


def test_a_run_is_stopped_when_nobody_reads_its_events_any_more(tmp_path: Path) -> None:
    words = ["train", "images", "--runtime", "local", "--set", "training.epochs=1000", "--json"]
    child = subprocess.Popen(
        [*AZURAFORGE, *words, "--home", str(tmp_path), "--quiet"],
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


def test_on_a_terminal_a_line_is_redrawn_in_place(tmp_path: Path) -> None:
    reader, terminal = pty.openpty()
    child = subprocess.Popen(
        [*AZURAFORGE, "train", "images", *SHORT, "--home", str(tmp_path)],
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
    assert b"\r\x1b[Kepoch 1/1  [" in told
    assert b"\r\x1b[Kepoch 1/1  train loss" in told


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # EIO: the other end is closed
        return b""
