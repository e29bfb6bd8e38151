from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from azuraforge.cli.main import main
from azuraforge.cli.predict import read_inputs
from azuraforge.errors import ConfigError


@pytest.fixture
def home(tmp_path: Path, plane: None) -> Path:
    """A home with the model plane:1."""
    home = tmp_path / "home"
    short = ["--runtime", "local", "--set", "training.epochs=1", "--quiet", "--home", str(home)]
    assert main(["train", "plane", *short]) == 0
    return home


def ask(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit status, stdout and stderr of a prediction."""
    capsys.readouterr()  # the home's
    status = main(["predict", *words, "--home", str(home)])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_unseen_examples_are_predicted_beside_their_truth(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = ask(home, capsys, "plane", "--examples", "3")

    header, *rows, note = out.splitlines()
    assert (status, err) == (0, "plane version 1\n")
    assert header.split() == ["#", "height", "truth"]
    assert ["off by" in row for row in rows] == [True] * 3
    assert note == "left out: point; --json has all"


def test_json_holds_every_key_of_a_prediction(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = ask(home, capsys, "plane:1", "--examples", "1", "--json")

    reply = json.loads(out)
    assert (status, reply["model"], reply["version"]) == (0, "plane", 1)
    assert reply["predictions"][0].keys() == {"height", "point"}


def test_inputs_come_from_a_file(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inputs.json"
    path.write_text("[[1, 2], [0.5, -1]]")

    status, out, _ = ask(home, capsys, "plane", str(path), "--json")

    assert status == 0
    assert [one["point"] for one in json.loads(out)["predictions"]] == [[1, 2], [0.5, -1]]


def test_an_input_that_does_not_fit_is_told_in_one_sentence(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "inputs.json"
    path.write_text("[[1, 2], [3]]")

    status, out, err = ask(home, capsys, "plane", str(path))

    assert (status, out) == (1, "")
    assert err == "azuraforge: error: input 1: [3]; allowed: two numbers\n"


@pytest.mark.parametrize("named", ["nothing", "plane:9", "plane:best"])
def test_a_model_that_is_not_there_is_not_found(
    named: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = ask(home, capsys, named, "--examples", "1")

    assert status == 4
    assert "plane" in err


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
