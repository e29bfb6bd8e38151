from __future__ import annotations

import json
import zipfile

import pytest

from azuraforge.cli.main import main


@pytest.fixture
def run(plane, tmp_path, capsys) -> str:
    """The id of a run that has ended, in the home `here`."""
    train = ["train", "plane", "--runtime", "local", "--home", str(tmp_path / "here")]
    assert main([*train, "--set", "training.epochs=2"]) == 0
    capsys.readouterr()
    assert main(["runs", "--json", "--home", str(tmp_path / "here")]) == 0
    return str(json.loads(capsys.readouterr().out)[0]["id"])


def test_a_run_travels_as_one_file_is_verified_and_taken_in(run, tmp_path, capsys):
    file, here, there = (str(tmp_path / name) for name in ("run.azf", "here", "there"))

    assert main(["bundle", run, "-o", file, "--home", here]) == 0
    bundled = capsys.readouterr().out
    assert main(["verify", file, "--steps", "2"]) == 0
    verified = capsys.readouterr().out.splitlines()
    assert main(["import", file, "--home", there]) == 0
    imported = capsys.readouterr().out
    assert main(["models", "plane", "--json", "--home", there]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == run
    assert main(["fsck", "--home", there]) == 0
    assert main(["import", file, "--home", there]) == 5

    assert f"{file}: run {run}, " in bundled
    assert verified[0].startswith(f"sound: run {run}, ")
    assert sum("identical" in line for line in verified) == 2
    assert imported.startswith(f"run {run}: finished, ")
    assert "model plane:1" in imported
    assert f"there is a run {run} here already" in capsys.readouterr().err


def test_a_bundle_is_called_after_its_run_where_no_name_is_given(
    run, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    assert main(["bundle", run[:6], "--json", "--home", str(tmp_path / "here")]) == 0

    manifest = json.loads(capsys.readouterr().out)
    with zipfile.ZipFile(tmp_path / f"{run}.azf") as archive:
        assert json.loads(archive.read("manifest.json")) == manifest
    assert manifest["run"] == run


def test_a_damaged_bundle_is_refused_with_the_reason(run, tmp_path, capsys):
    path = tmp_path / "run.azf"
    assert main(["bundle", run, "-o", str(path), "--home", str(tmp_path / "here")]) == 0
    data = bytearray(path.read_bytes())
    data[data.find(b'"loss":') + 8] ^= 1
    path.write_bytes(data)
    capsys.readouterr()

    for command in (["verify", str(path)], ["import", str(path), "--home", str(tmp_path / "x")]):
        assert main(command) == 1
        assert "is no sound bundle: journal.jsonl: Bad CRC-32" in capsys.readouterr().err


def test_a_run_that_is_none_is_not_found(tmp_path, capsys):
    assert main(["bundle", "01k3", "--home", str(tmp_path)]) == 4
