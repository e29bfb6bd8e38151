from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.schema.events import StepFinished
from tests.cli.conftest import Ask

Train = Callable[..., str]
Told = pytest.CaptureFixture[str]


def fork(ask: Ask, *words: str) -> int:
    return ask("fork", *words, "--runtime", "local", "--json")


def last(capsys: Told) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return record


def rates(home: Path, run: str) -> list[float]:
    """The learning rate of each step."""
    with closing(Registry(home)) as registry:
        told = [entry.event for entry in registry.events(run)]
    return [event.lr for event in told if isinstance(event, StepFinished)]


def test_a_fork_goes_its_own_way_from_the_step_on(
    ask: Ask, train: Train, tmp_path: Path, capsys: Told
) -> None:
    parent = train()

    assert fork(ask, parent, "--at", "2", "--set", "optim.lr=1e-4", "--tag", "idea=slower") == 0

    child = last(capsys)
    assert (child["state"], child["step"], child["tags"]) == ("finished", 6, {"idea": "slower"})
    assert child["parent"] == {"run": parent, "step": 2}
    assert rates(tmp_path / "home", child["id"]) == [0.001] * 2 + [0.0001] * 4
    assert ask("diff", parent, child["id"], "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["parting"]["step"], found["parting"]["name"]) == (3, "groups.0.lr")
    assert ask("replay", child["id"]) == 0


def test_a_finished_run_goes_on_by_a_fork_at_its_last_step(
    ask: Ask, train: Train, capsys: Told
) -> None:
    parent = train()

    assert fork(ask, parent[:8], "--at", "6", "--set", "training.epochs=9") == 0

    child = last(capsys)
    assert (child["state"], child["step"]) == ("finished", 9)
    assert ask("diff", child["id"], train("training.epochs=9"), "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["parting"] is None, "the same nine steps, asked for in two ways"
    assert ask("replay", child["id"]) == 0


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--at", "7"], 5, "allowed are 0 to 6"),
        (["--at", "-1"], 2, "a whole number from 0"),
        ([], 2, "--at"),
        (["--at", "2", "--set", "training.batch_size=4"], 2, "what can be set meanwhile: optim.lr"),
        (["--at", "2", "--set", "optim.lr=-1"], 2, "allowed: a number > 0"),
        (["--at", "2", "--tag", "slower"], 2, "path=value"),
    ],
)
def test_what_cannot_be_forked_is_refused_and_leaves_no_run(
    ask: Ask, train: Train, tmp_path: Path, capsys: Told, words: list[str], status: int, told: str
) -> None:
    parent = train()

    assert fork(ask, parent, *words) == status

    assert told in capsys.readouterr().err
    with closing(Registry(tmp_path / "home")) as registry:
        assert [run.id for run in registry.runs()] == [parent]
