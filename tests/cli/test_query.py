from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("duckdb", reason="needs azuraforge[query]")

from azuraforge.actors.recording.registry import Registry
from azuraforge.cli.main import main
from azuraforge.schema.specs import RunSpec
from tests.store.journals import whole_run

BY_PART = "select part, count(*) as n, sum(step) as steps, avg(value) as mean from metrics"
GROUPED = f"{BY_PART} where name = 'loss' group by part order by part"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one run that has ended."""
    with closing(Registry(tmp_path)) as registry:
        registry.append(registry.create_run(RunSpec(plugin="images")).id, 1, whole_run())
    return tmp_path


def ask(home: Path, *words: str) -> int:
    return main(["query", *words, "--home", str(home)])


def test_an_answer_is_a_table(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(home, GROUPED) == 0

    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["part", "n", "steps", "mean"]
    assert [row.split() for row in rows] == [
        ["best", "1", "2", "1.7500"],
        ["step", "2", "3", "2.0000"],
        ["test", "1", "2", "1.8750"],
        ["train", "1", "2", "2.0000"],
        ["validation", "2", "3", "2.0000"],
    ]


def test_an_answer_in_json_is_a_list_of_objects(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home, GROUPED, "--json") == 0

    first, *_ = json.loads(capsys.readouterr().out)
    assert first == {"part": "best", "n": 1, "steps": 2, "mean": 1.75}


def test_values_of_every_kind_are_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = (
        "select 1.5::decimal(4, 2) a, [1, null] b, {'c': 'é'} d, timestamptz '2026-01-01 00:00Z' e"
    )
    assert ask(home, sql, "--json") == 0

    (row,) = json.loads(capsys.readouterr().out)
    assert (row["a"], row["b"], row["d"]) == (1.5, [1, None], {"c": "é"})
    assert row["e"] == "2026-01-01T00:00:00Z"


def test_an_answer_in_csv_reads_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(home, "select 'a,\"b' as text, null as nothing, 0.1 + 0.2e0 as real", "--csv") == 0

    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [["text", "nothing", "real"], ['a,"b', "", "0.30000000000000004"]]


def test_sql_is_read_from_stdin(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("select plugin from runs"))

    assert ask(home, "-", "--csv") == 0

    assert capsys.readouterr().out == "plugin\nimages\n"


def test_without_sql_the_tables_and_columns_are_listed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home) == 0

    assert ["metrics", "value", "DOUBLE"] in map(str.split, capsys.readouterr().out.splitlines())


def test_what_cannot_be_asked_ends_with_the_status_of_a_wrong_use(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home, "drop table runs") == 2

    assert "got drop; allowed: one select" in capsys.readouterr().err
