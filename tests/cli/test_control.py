from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.cli.main import main
from azuraforge.schema.commands import Command
from azuraforge.schema.events import RunStopped
from azuraforge.schema.specs import RunSpec
from azuraforge.store.home import home
from tests.cli.test_runs import STARTED, STEP
from tests.conftest import Clock


@pytest.fixture
def registry(tmp_path: Path, clock: Clock) -> Iterator[Registry]:
    with closing(Registry(home(tmp_path / "home"), clock=clock)) as registry:
        yield registry


@pytest.fixture
def run(registry: Registry, plane: None) -> str:
    """A run of the plugin `plane` that is on."""
    run = registry.create_run(RunSpec(plugin="plane")).id
    registry.begin_attempt(run, "somebody")
    registry.append(run, 1, [STARTED, STEP], attempt=1)
    return run


def control(tmp_path: Path, *words: str) -> int:
    return main(["control", *words, "--home", str(tmp_path / "home")])


def asked(registry: Registry, run: str) -> list[Command]:
    """What the run's Trainer is told with its next acknowledgement."""
    return [request.command for request in registry.append(run, 3, [], attempt=1).requests]


@pytest.mark.parametrize("action", ["pause", "resume", "stop", "checkpoint"])
def test_an_action_becomes_a_request_of_the_run(
    registry: Registry,
    run: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    action: str,
) -> None:
    assert control(tmp_path, run, action, "--reason", "lunch") == 0

    assert asked(registry, run) == [Command(name=action, reason="lunch")]
    assert f"run {run} (running, at step 1) is asked: it" in capsys.readouterr().err


def test_steps_are_counted(registry: Registry, run: str, tmp_path: Path) -> None:
    assert control(tmp_path, run, "step", "10") == 0
    assert control(tmp_path, run, "step") == 0

    assert [command.count for command in asked(registry, run)] == [10, 1]


def test_settings_are_checked_all_before_one_is_written(
    registry: Registry, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert control(tmp_path, run, "set", "optim.lr=1e-4", "optim.momentum=0.5") == 0
    assert control(tmp_path, run, "set", "optim.lr=0.1", "training.batch_size=3") == 2

    assert [(command.path, command.value) for command in asked(registry, run)] == [
        ("optim.lr", 1e-4),
        ("optim.momentum", 0.5),
    ]
    assert "what can be set meanwhile: optim.lr, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["set"], "what to set is missing, as in `set optim.lr=1e-4`"),
        (["set", "optim.lr"], "path=value"),
        (["step", "0"], "a whole number from 1 to"),
        (["step", "1", "2"], "got '1 2'; allowed: one number"),
        (["pause", "10"], "got '10'; allowed: nothing after it"),
        (["dance"], "invalid choice: 'dance'"),
    ],
)
def test_words_that_are_no_action_are_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert control(tmp_path, "01K3", *words) == 2

    assert told in capsys.readouterr().err


def test_a_run_that_has_ended_takes_no_command(
    registry: Registry, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.append(run, 3, [RunStopped(step=1, reason="enough")], attempt=1)

    assert control(tmp_path, run, "pause") == 5

    assert "stopped" in capsys.readouterr().err


def test_the_record_is_told_as_json(
    registry: Registry, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert control(tmp_path, run[:6], "pause", "--json") == 0

    assert json.loads(capsys.readouterr().out)["id"] == run
