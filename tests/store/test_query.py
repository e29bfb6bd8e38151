"""A query reads the snapshots, and nothing else in the world."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("duckdb", reason="needs azuraforge[query]")

from azuraforge.errors import ConfigError
from azuraforge.store import parquet
from azuraforge.store.query import ask
from azuraforge.store.snapshot_tables import TABLES

NUMBERS = {"name": "VARCHAR", "whole": "BIGINT", "real": "DOUBLE", "moment": "TIMESTAMP"}


@pytest.fixture
def files(tmp_path: Path) -> Mapping[str, list[Path]]:
    rows = [("a\n'b\"", 2**62, 0.1, 1_700_000_000.25), (None, None, None, None)]
    path = tmp_path / "it's-1.parquet"
    parquet.write(path, NUMBERS, rows)
    return {"numbers": [path]}


def test_values_and_absent_ones_come_back_as_they_were(files: Mapping[str, list[Path]]) -> None:
    answer = ask("select name, whole, real, epoch(moment) as at_s from numbers", files)

    assert answer.columns == ["name", "whole", "real", "at_s"]
    assert answer.rows == [("a\n'b\"", 2**62, 0.1, 1_700_000_000.25), (None, None, None, None)]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{secret}')",
        "select * from read_text('{secret}')",
        "select * from '{secret}'",
        "select * from glob('{folder}/*')",
        "copy numbers to '{folder}/stolen.csv'",
        "copy (pivot numbers on name using first(whole)) to '{folder}/stolen.csv'",
        "attach '{folder}/other.db'",
        "install httpfs",
        "set enable_external_access = true",
        "create table mine as select 1",
        "export database '{folder}/all'",
        "select 1; copy numbers to '{folder}/stolen.csv'",
        "",
    ],
)
def test_what_is_no_reading_of_the_tables_is_refused(
    sql: str, files: Mapping[str, list[Path]], tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nsesame\n")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ConfigError, match=r"^query: ") as refusal:
        ask(sql.format(secret=secret, folder=tmp_path), files)

    assert "sesame" not in str(refusal.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select * from number", 'Did you mean "numbers"?'),
        ("select hole from numbers", 'Candidate bindings: "whole"'),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_those_that_are(
    sql: str, said: str, files: Mapping[str, list[Path]]
) -> None:
    with pytest.raises(ConfigError) as refusal:
        ask(sql, files)

    told = str(refusal.value)
    assert said in told
    assert "\n" not in told
    for table, columns in TABLES.items():
        assert f"{table} ({', '.join(columns)})" in told


def test_a_text_that_is_no_sql_is_refused_in_one_sentence(
    files: Mapping[str, list[Path]],
) -> None:
    with pytest.raises(ConfigError) as refusal:
        ask("selec 1", files)

    assert str(refusal.value) == 'query: Parser Error: syntax error at or near "selec"'
