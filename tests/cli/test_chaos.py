from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from azuraforge.chaos import matrix
from azuraforge.chaos.row import Row
from azuraforge.cli.main import main


def made_up(name: str, *outcomes: str) -> Row:
    return Row(
        name=name,
        component="none",
        injected="nothing",
        expected="all is well",
        inject=lambda case: iter(outcomes),
        times=len(outcomes),
    )


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "ROWS", (made_up("well", "", ""), made_up("ill", "", "lost it")))


@pytest.mark.usefixtures("rows")
def test_a_row_that_failed_is_status_1_and_told_in_words(capsys: pytest.CaptureFixture[str]):
    assert main(["chaos"]) == 1

    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("passed  well     2 of     2")
    assert told[1].startswith("failed  ill      1 of     2")
    assert told[2].strip() == "-> lost it"


@pytest.mark.usefixtures("rows")
def test_only_the_rows_asked_for_are_run(capsys: pytest.CaptureFixture[str]):
    assert main(["chaos", "--only", "well", "--json"]) == 0

    (told,) = json.loads(capsys.readouterr().out)
    assert (told["name"], told["state"], told["times"]) == ("well", "passed", 2)


def test_an_unknown_row_is_a_usage_error_that_names_the_rows(capsys: pytest.CaptureFixture[str]):
    assert main(["chaos", "--only", "meteor"]) == 2

    told = capsys.readouterr().err
    assert "no row 'meteor'" in told
    assert "power-journal" in told


def test_the_list_names_every_row_and_what_it_promises(capsys: pytest.CaptureFixture[str]):
    assert main(["chaos", "--list", "--json"]) == 0

    listed = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in listed] == [row.name for row in matrix.ROWS]
    assert all(row["expected"] for row in listed)


ENDLESS = """
import itertools
from azuraforge.chaos import matrix
from azuraforge.chaos.row import Row
from azuraforge.cli.main import main

def inject(case):
    case.undo.callback(print, "undone", flush=True)
    print(case.folder, flush=True)
    for _ in itertools.repeat(None):
        yield ""

matrix.ROWS = (Row(name="endless", component="", injected="", expected="", inject=inject, times=1),)
raise SystemExit(main(["chaos"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_undoes_what_the_row_made(number: signal.Signals):
    command = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    folder = command.stdout.readline().strip()
    assert os.path.isdir(folder)

    command.send_signal(number)
    rest, _ = command.communicate(timeout=60)

    assert rest.splitlines() == ["undone"]
    assert command.returncode == 130
    assert not os.path.exists(folder)
