from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from azuraforge.cli.main import main
from azuraforge.cli.predict import read_inputs
from azuraforge.errors import ConfigError


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the model digits:1."""
    home = tmp_path_factory.mktemp("home")
    short = ["--runtime", "local", "--set", "training.epochs=1", "--quiet", "--home", str(home)]
    assert main(["train", "images", *short]) == 0
    return home


def ask(home: Path, *words: str) -> int:
    return main(["predict", *words, "--home", str(home)])


def test_unseen_examples_are_predicted_beside_their_truth(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home, "digits", "--examples", "3") == 0

    told = capsys.readouterr()
    header, *rows, _ = told.out.splitlines()
    assert header.split() == ["#", "label", "probability", "truth"]
    assert [row.split()[-1] in ("ok", "wrong") for row in rows] == [True] * 3
    assert told.err == "digits version 1\n"


def test_json_holds_every_key_of_a_prediction(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home, "digits:1", "--examples", "1", "--json") == 0

    reply = json.loads(capsys.readouterr().out)
    assert (reply["model"], reply["version"]) == ("digits", 1)
    assert len(reply["predictions"][0]["probabilities"]) == 10


def test_inputs_come_from_a_file(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inputs.json"
    path.write_text(json.dumps([[[0] * 8] * 8, [[16] * 8] * 8]))

    assert ask(home, "digits", str(path), "--json") == 0

    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 2


def test_an_input_that_does_not_fit_is_told_in_one_sentence(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inputs.json"
    path.write_text("[[[1, 2], [3, 4]]]")

    assert ask(home, "digits", str(path)) == 1

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("azuraforge: error: ")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("named", ["nothing", "digits:9", "digits:best"])
def test_a_model_that_is_not_there_is_not_found(
    named: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(home, named, "--examples", "1") == 4

    assert "digits" in capsys.readouterr().err


def test_inputs_come_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"[1, [2]]")))

    assert read_inputs("-") == [1, [2]]


@pytest.mark.parametrize(
    ("content", "told"),
    [("{}", "a JSON list"), ("[1, ", "a JSON list"), ("", "a JSON list"), ("[]", "at least one")],
)
def test_inputs_that_are_no_list_are_told_with_the_file(
    content: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "inputs.json"
    path.write_text(content)

    with pytest.raises(ConfigError, match=rf"inputs\.json: .*{told}"):
        read_inputs(str(path))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_inputs(str(tmp_path / "nowhere.json"))
