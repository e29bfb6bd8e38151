from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.conftest import Ask

Train = Callable[..., str]
Told = pytest.CaptureFixture[str]


def forge(database: Path, *, seq: int, old: str, new: str) -> None:
    """Change an event of the only run, and the chain so that it fits."""
    with closing(sqlite3.connect(database)) as db:
        texts = [text for (text,) in db.execute("select event from events order by seq")]
        assert old in texts[seq - 1]
        texts[seq - 1] = texts[seq - 1].replace(old, new)
        chain = bytes(32)
        for number, text in enumerate(texts, 1):
            chain = sha256(chain + text.encode()).digest()
            change = "update events set event = ?, chain = ? where seq = ?"
            db.execute(change, (text, chain, number))
        db.commit()


def test_a_run_done_again_is_identical(ask: Ask, train: Train, capsys: Told) -> None:
    run = train()

    assert ask("replay", run) == 0

    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"run {run}, from the spec: steps 0 to 6, events 1 to 20",
        "identical: every event, and the chain over them",
    ]
    assert told.err == ""


def test_a_part_of_it_begins_at_a_checkpoint(ask: Ask, train: Train, capsys: Told) -> None:
    assert ask("replay", train(), "--from", "5", "--steps", "1", "--json") == 0

    report = json.loads(capsys.readouterr().out)
    assert (report["from_step"], report["to_step"], report["difference"]) == (5, 6, None)
    assert report["steps_done"] == 1
    assert len(report["checkpoint"]) == 64


def test_a_difference_is_told_and_is_the_status(
    ask: Ask, train: Train, tmp_path: Path, capsys: Told
) -> None:
    run = train()
    forge(tmp_path / "home" / "registry.sqlite", seq=5, old='"lr":0.001', new='"lr":0.002')

    assert ask("replay", run) == 1

    told = capsys.readouterr().out.splitlines()
    assert told[1] == "differs at event 5 (step), step 2:"
    assert [line.split() for line in told[2:]] == [
        ["value", "journal", "here"],
        ["lr", "0.002", "0.001"],
    ]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--from", "7"], 2, "allowed: within 0 to 6"),
        (["--from", "3", "--steps", "4"], 2, "got steps 3 to 7"),
        (["--steps", "0"], 2, "from 1 to"),
    ],
)
def test_steps_that_were_not_done_are_a_usage_error(
    ask: Ask, train: Train, capsys: Told, words: list[str], status: int, told: str
) -> None:
    assert ask("replay", train(), *words) == status

    assert told in capsys.readouterr().err


def test_a_run_that_is_not_there_is_not_found(ask: Ask, capsys: Told) -> None:
    assert ask("replay", "nosuchrun") == 4
