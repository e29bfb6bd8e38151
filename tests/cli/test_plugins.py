from __future__ import annotations

import json
from pathlib import Path

import pytest

from azuraforge.cli.main import main


@pytest.mark.usefixtures("toy", "broken")
def test_a_broken_plugin_is_listed_with_its_error_and_hurts_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plugins", "--json"]) == 0

    listed = {info["name"]: info for info in json.loads(capsys.readouterr().out)}
    assert "no_such_module" in listed["broken"]["error"]
    assert listed["toy"]["error"] is None
    assert listed["toy"]["version"] == "1.2"


@pytest.mark.usefixtures("toy", "broken")
def test_the_list_tells_a_summary_or_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins"]) == 0

    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["toy"].endswith("a toy")
    assert "no_such_module" in lines["broken"]


@pytest.mark.usefixtures("toy")
def test_a_plugin_is_shown_with_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "toy"]) == 0

    told = capsys.readouterr().out
    lines = {line.split()[0]: line for line in told.splitlines() if line}
    assert "required" in lines["path"]
    assert "a file of rows" in lines["path"]
    assert "a whole number >= 1 and <= 64" in lines["width"]
    assert "one of round, square" in lines["shape"]
    assert "0.001" in lines["optim.lr"]
    assert "live" in lines["optim.lr"].split()
    assert "live" not in lines["training.batch_size"].split()


@pytest.mark.usefixtures("broken")
def test_a_plugin_that_does_not_import_cannot_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "broken"]) == 2

    assert "no_such_module" in capsys.readouterr().err


@pytest.mark.usefixtures("toy")
def test_a_plugin_that_is_not_there_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "toi"]) == 4

    assert "did you mean toy?" in capsys.readouterr().err


def test_a_plugin_that_keeps_the_contract_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "check", "images", "--set", "training.epochs=1"]) == 0

    assert capsys.readouterr().out == "images: keeps the plugin contract\n"


@pytest.mark.usefixtures("toy")
def test_a_plugin_that_breaks_the_contract_is_told_where(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plugins", "check", "toy", "--set", "path=rows.csv"]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("azuraforge: error: plugin 'toy'")


def test_a_new_plugin_is_written_and_told_with_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugins", "new", "weather", "--into", str(tmp_path)]) == 0

    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'weather'}\n"
    assert (tmp_path / "weather" / "pyproject.toml").is_file()
    assert f"-m pip install -e {tmp_path / 'weather'}" in told.err
    assert "plugins check weather" in told.err


@pytest.mark.parametrize(("name", "status"), [("Weather!", 2), ("images", 5)])
def test_a_name_that_cannot_be_a_new_plugins_leaves_nothing_behind(
    name: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugins", "new", name, "--into", str(tmp_path)]) == status

    assert name in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
