from __future__ import annotations

import json
from pathlib import Path

import pytest

from azuraforge.cli.main import main
from azuraforge.cli.tune import teller, trials_table
from azuraforge.schema.records import StudyRecord, Trial

STUDY = StudyRecord(
    id="s",
    monitor="accuracy",
    mode="max",
    best=2,
    trials=[
        Trial(number=1, values={"optim.lr": 0.1}, run="r1", state="finished", value=0.5),
        Trial(number=2, values={"optim.lr": 0.01}, run="r2", state="finished", value=0.9),
        Trial(number=3, values={"optim.lr": 9.0}, run="r3", state="failed"),
        Trial(number=4, values={"optim.lr": 0.2}, run="r4", state="running"),
    ],
)


def test_trials_are_listed_best_first_and_those_without_a_result_last() -> None:
    header, *rows = trials_table(STUDY).splitlines()

    assert header.split() == ["trial", "accuracy", "state", "optim.lr", "run"]
    assert [row.split()[0] for row in rows] == ["2", "1", "3", "4"]


def test_every_trial_is_told_once_when_it_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    tell = teller(4)

    tell(STUDY)
    tell(STUDY)

    assert capsys.readouterr().err.splitlines() == [
        "trial 1/4 finished  accuracy 0.5000  optim.lr=0.1000",
        "trial 2/4 finished  accuracy 0.9000  optim.lr=0.0100  best so far",
        "trial 3/4 failed  optim.lr=9.0000",
    ]


@pytest.mark.usefixtures("plane")
def test_a_study_is_run_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--runtime", "local", "--home", str(tmp_path), "--set", "training.epochs=1"]
    space = ["--space", "optim.lr=1e-4..1e-2:log", "--space", "training.batch_size=8,16"]

    assert main(["tune", "plane", *words, *space, "--trials", "2", "--json"]) == 0

    told = capsys.readouterr()
    study = json.loads(told.out)
    assert [trial["state"] for trial in study["trials"]] == ["finished", "finished"]
    assert all(1e-4 <= trial["values"]["optim.lr"] <= 1e-2 for trial in study["trials"])
    assert all(trial["values"]["training.batch_size"] in (8, 16) for trial in study["trials"])
    assert "trial 2/2 finished  mae" in told.err


@pytest.mark.usefixtures("plane")
@pytest.mark.parametrize(
    ("space", "told"),
    [
        ("optim.rl=1..2", "did you mean optim.lr?"),
        ("optim.lr=0..1", "a number > 0"),
        ("optim.lr=0.1..0.01", "low < high"),
        ("optim.lr", "path=value"),
    ],
)
def test_a_space_that_cannot_be_searched_is_a_usage_error(
    space: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", "plane", "--space", space, "--home", str(tmp_path / "home")]) == 2

    assert told in capsys.readouterr().err
    assert not (tmp_path / "home").exists()
