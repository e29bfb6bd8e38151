from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Ask

Train = Callable[..., str]
Told = pytest.CaptureFixture[str]


def test_runs_of_one_spec_are_identical(ask: Ask, train: Train, capsys: Told) -> None:
    assert ask("diff", train(), train()) == 0

    assert capsys.readouterr().out == "identical, 20 events\n"


def test_specs_come_first_then_the_step_then_what_in_it(
    ask: Ask, train: Train, capsys: Told
) -> None:
    one, other = train("optim.lr=0.1"), train("optim.lr=0.2")

    assert ask("diff", one, other) == 1

    told = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert told[:3] == [
        ["their", "specs", "differ:"],
        ["value", one, other],
        ["config.optim.lr", "0.1", "0.2"],
    ]
    assert ["the", "first", "0", "events", "are", "identical"] in told
    assert "the first that differs is event 2 (step), step 1:".split() in told
    assert "in step 1 they part: the optimizer is not the same: groups.0.lr".split() in told


def test_a_program_reads_the_same_as_json(ask: Ask, train: Train, capsys: Told) -> None:
    one, other = train(), train("optim.weight_decay=0.5")

    assert ask("diff", one, other, "--json") == 1

    found = json.loads(capsys.readouterr().out)
    assert found["is_identical"] is False
    assert [d["path"] for d in found["spec"]] == ["config.optim.weight_decay"]
    assert found["parting"]["phase"] == "optimizer"
    assert found["parting"]["name"] == "groups.0.weight_decay"


def test_a_run_that_is_not_there_is_not_found(ask: Ask, train: Train) -> None:
    assert ask("diff", train(), "nosuchrun") == 4
