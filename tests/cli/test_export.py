from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.cli.main import main
from azuraforge.schema.specs import RunSpec
from tests.store.journals import whole_run


def test_runs_are_exported_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Registry(tmp_path)) as registry:
        run = registry.create_run(RunSpec(plugin="images")).id
        registry.append(run, 1, whole_run())
    folder = tmp_path / "mlruns"

    assert main(["export", "--mlflow", str(folder), "--home", str(tmp_path)]) == 0

    assert capsys.readouterr().err == f"1 run in {folder}\n"
    assert len(list(folder.glob(f"*/{run}/meta.yaml"))) == 1


def test_a_form_has_to_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--home", str(tmp_path)]) == 2

    assert "--mlflow" in capsys.readouterr().err
