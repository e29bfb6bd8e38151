from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.cli.main import main
from azuraforge.schema.commands import Command
from azuraforge.schema.events import (
    EpochFinished,
    Event,
    RunFailed,
    RunFinished,
    RunStarted,
    StepFinished,
)
from azuraforge.schema.specs import RunSpec
from tests.conftest import Clock

STARTED = RunStarted(
    spec_hash="0" * 64,
    model="prices",
    monitor="mae",
    mode="min",
    parameters=10,
    samples={"train": 8, "validation": 1, "test": 1},
    epochs=1,
    steps=1,
    threads=1,
)
STEP = StepFinished(step=1, epoch=1, loss=0.5, lr=0.1, grad_norm=1.0)
EPOCH = EpochFinished(
    epoch=1, step=1, train={"loss": 0.5}, validation={"loss": 0.5, "mae": 0.25}, is_best=True
)
FINISHED = RunFinished(
    step=1,
    best_epoch=1,
    validation={"loss": 0.5, "mae": 0.25},
    test={"mae": 2.0, "persistence_mae": 1.0},
    weights="a" * 64,
)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(tmp_path)) as registry:
        yield registry


def started_run(registry: Registry, *events: Event, **config: Any) -> str:
    run = registry.create_run(RunSpec(plugin="stock", config=config, seed=7)).id
    registry.append(run, 1, [STARTED, *events])
    return run


def ask(tmp_path: Path, *words: str) -> int:
    return main(["runs", *words, "--home", str(tmp_path)])


def test_runs_are_listed_newest_first(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = started_run(registry, STEP, EPOCH, FINISHED)
    second = started_run(registry, STEP)

    assert ask(tmp_path) == 0

    header, newest, oldest = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["run", "state", "plugin"]
    assert newest.split()[:3] == [second, "running", "stock"]
    assert oldest.split()[:7] == [first, "finished", "stock", "1/1", "mae", "0.2500", "prices:1"]


def test_a_run_whose_trainer_was_long_not_heard_of_is_told_as_lost(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Registry(tmp_path, clock=clock)) as long_ago:  # a clock that began in 1970
        run = started_run(long_ago, STEP)

    assert ask(tmp_path) == 0

    assert capsys.readouterr().out.splitlines()[1].split()[:2] == [run, "lost"]


def test_runs_are_found_by_experiment_and_tag(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = RunSpec(plugin="stock")
    found = registry.create_run(spec, experiment="ablation", tags={"size": "small"}).id
    registry.create_run(spec, experiment="ablation", tags={"size": "large"})
    registry.create_run(spec, tags={"size": "small"})

    asked = ask(tmp_path, "--experiment", "ablation", "--tag", "size=small", "--json")
    (run,) = json.loads(capsys.readouterr().out)
    ask(tmp_path, found)

    assert (asked, run["id"]) == (0, found)
    told = capsys.readouterr().out
    assert "ablation" in told
    assert "size=small" in told


def test_a_list_that_is_cut_says_so_on_stderr(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        started_run(registry)

    assert ask(tmp_path, "--limit", "2", "--json") == 0

    told = capsys.readouterr()
    assert len(json.loads(told.out)) == 2
    assert told.err == "the newest 2; --limit shows more\n"


def test_a_list_of_exactly_the_limit_is_not_cut(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        started_run(registry)

    assert ask(tmp_path, "--limit", "2") == 0

    assert capsys.readouterr().err == ""


def test_runs_in_one_state_are_found_behind_newer_others(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = started_run(registry, RunFailed(step=0, kind="DataError", error="empty"))
    for _ in range(120):
        started_run(registry)

    assert ask(tmp_path, "--state", "failed", "--limit", "1", "--json") == 0

    assert [run["id"] for run in json.loads(capsys.readouterr().out)] == [failed]


def test_no_runs_are_an_empty_list_and_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path) == 0

    told = capsys.readouterr()
    assert told.out == ""
    assert "azuraforge train" in told.err


def test_a_run_is_shown_by_the_beginning_of_its_id(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = started_run(registry, STEP, EPOCH, FINISHED, data={"path": "AAPL.csv"})

    assert ask(tmp_path, run[:10]) == 0

    told = capsys.readouterr().out
    facts = dict(line.split(maxsplit=1) for line in told.splitlines() if line[:1].isalpha())
    assert facts["run"] == run
    assert facts["model"] == "prices:1"
    assert facts["settings"] == "data.path=AAPL.csv"
    assert "The persistence baseline beats the model on mae." in told


def test_a_failed_run_is_shown_with_its_error(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = started_run(registry, RunFailed(step=0, kind="DataError", error="AAPL.csv: empty"))

    assert ask(tmp_path, run) == 0

    assert "AAPL.csv: empty" in capsys.readouterr().out


def test_a_journal_is_printed_as_json_lines_with_every_number(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = started_run(registry, STEP, EPOCH, FINISHED)

    assert ask(tmp_path, run, "--events", "--json") == 0

    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4]
    assert entries[1]["event"]["loss"] == 0.5


def test_a_journal_longer_than_a_page_is_printed_whole(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = started_run(registry, *[STEP] * 2500)

    assert ask(tmp_path, run, "--events") == 0

    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(1, 2502))
    assert lines[1].split()[1:4] == ["step", "step=1", "epoch=1"]


def test_a_running_run_is_asked_to_stop(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = started_run(registry)

    assert ask(tmp_path, run, "--stop") == 0

    (asked,) = registry.append(run, 2, [STEP]).requests
    assert asked.command == Command(name="stop", reason="azuraforge runs --stop")
    assert "asked to stop" in capsys.readouterr().err


def test_a_run_that_has_ended_cannot_be_stopped(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = started_run(registry, STEP, EPOCH, FINISHED)

    assert ask(tmp_path, run, "--stop") == 5

    assert "has ended" in capsys.readouterr().err


@pytest.mark.parametrize("option", [[], ["--events"], ["--stop"], ["--json"]])
def test_a_run_that_is_not_there_is_not_found(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, "nosuchrun", *option) == 4

    assert "nosuchrun" in capsys.readouterr().err


def test_a_home_that_is_a_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "home").write_text("")

    assert main(["runs", "--home", str(tmp_path / "home")]) == 1

    assert "not a folder" in capsys.readouterr().err
