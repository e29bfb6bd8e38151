from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.cli.main import main
from azuraforge.schema.events import EpochFinished, RunFinished, RunStarted
from azuraforge.schema.specs import RunSpec

STARTED = RunStarted(
    spec_hash="0" * 64,
    model="digits",
    monitor="accuracy",
    mode="max",
    parameters=10,
    samples={"train": 8, "validation": 1, "test": 1},
    epochs=1,
    steps=1,
    threads=1,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with digits:1, the champion, and digits:2, which is worse."""
    with closing(Registry(tmp_path)) as registry:
        for accuracy in (0.99, 0.98):
            run = registry.create_run(RunSpec(plugin="images", config={"data": {"name": "digits"}}))
            metrics = {"accuracy": accuracy}
            epoch = EpochFinished(epoch=1, step=1, train={}, validation=metrics, is_best=True)
            end = RunFinished(
                step=1, best_epoch=1, validation=metrics, test=metrics, weights="a" * 64
            )
            registry.append(run.id, 1, [STARTED, epoch, end])
    return tmp_path


def ask(home: Path, *words: str) -> int:
    return main(["models", *words, "--home", str(home)])


def test_models_are_listed_newest_version_first_with_the_champion_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home) == 0

    _, newest, oldest = capsys.readouterr().out.splitlines()
    assert newest.split()[:3] == ["digits:2", "accuracy", "0.9800"]
    assert oldest.split()[:4] == ["digits:1", "champion", "accuracy", "0.9900"]


@pytest.mark.parametrize(
    ("named", "version"), [("digits", 1), ("digits:champion", 1), ("digits:2", 2)]
)
def test_a_model_is_shown_by_number_or_alias_the_champion_by_default(
    named: str, version: int, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home, named, "--json") == 0

    assert json.loads(capsys.readouterr().out)["version"] == version


def test_a_model_is_shown_with_where_it_came_from(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home, "digits") == 0

    facts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line)
    assert facts["model"] == "digits:1"
    assert facts["plugin"] == "images"
    assert facts["settings"] == "data.name=digits"
    assert facts["accuracy"] == "0.9900"


@pytest.mark.parametrize("named", ["nothing", "digits:3", "digits:best"])
def test_a_model_that_is_not_there_is_not_found(
    named: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home, named) == 4

    assert "digits" in capsys.readouterr().err


def test_no_models_are_an_empty_list_and_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path) == 0

    told = capsys.readouterr()
    assert told.out == ""
    assert "azuraforge train" in told.err
