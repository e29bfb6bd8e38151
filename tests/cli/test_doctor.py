from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from azuraforge.cli.main import main


@pytest.fixture(autouse=True)
def _no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURAFORGE_DATA", raising=False)


def test_a_machine_where_everything_needed_works_is_status_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--home", str(tmp_path), "--json"]) == 0

    checks = json.loads(capsys.readouterr().out)
    assert {"Python", "numpy", "CPU", "BLAS", "GPU", "data", "home", "database"} <= {
        check["name"] for check in checks
    }
    assert all(check["remedy"] for check in checks if check["state"] == "missing")


def test_something_broken_is_status_1_and_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AZURAFORGE_DATA", str(tmp_path / "nowhere"))

    assert main(["doctor", "--home", str(tmp_path)]) == 1

    lines = capsys.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("broken"))
    assert "AZURAFORGE_DATA" in lines[at]
    assert "-> set AZURAFORGE_DATA" in lines[at + 1]


@pytest.mark.ray
def test_deep_starts_a_ray_and_stops_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "azuraforge", "doctor", "--deep", "--home", str(tmp_path), "--json"],
        capture_output=True,
        check=False,
        timeout=120,
    )

    (ray,) = (check for check in json.loads(done.stdout) if check["name"] == "Ray start")
    assert ray["state"] == "ok", ray["detail"]
    assert done.returncode == 0
