"""A new plugin package is complete and keeps the contract as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from azuraforge.errors import ConfigError, PluginError, RefusedError
from azuraforge.plugin_new import write_plugin


def test_a_new_package_passes_its_own_test_as_it_stands(tmp_path: Path) -> None:
    package = write_plugin("soil-moisture", tmp_path)
    installed_like(package)

    tested = run(package, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout
    assert "skipped" not in tested.stdout


def test_a_new_package_is_found_by_its_entry_point_and_can_be_trained(tmp_path: Path) -> None:
    package = write_plugin("soil-moisture", tmp_path)
    installed_like(package)

    trained = run(package, "-c", TRAIN)

    assert trained.returncode == 0, trained.stderr
    assert float(trained.stdout) > 0.95  # of the variance: noise of 0.1 leaves about 1 %


def test_a_new_package_is_clean_to_our_own_linter_and_formatter(tmp_path: Path) -> None:
    package = write_plugin("soil-moisture", tmp_path)
    settings = Path(__file__).parents[1] / "pyproject.toml"

    for command in ("check", "format --check"):
        ruff = [sys.executable, "-m", "ruff", *command.split(), "--no-cache"]
        checked = subprocess.run(
            [*ruff, "--config", str(settings), str(package)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_names_of_a_new_package_follow_from_the_plugins_name(tmp_path: Path) -> None:
    package = write_plugin("soil-moisture", tmp_path)

    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert package == tmp_path / "soil-moisture"
    assert project["name"] == "azuraforge-soil-moisture"
    assert project["entry-points"]["azuraforge.plugins"] == {
        "soil-moisture": "azuraforge_soil_moisture:plugin"
    }
    assert (package / "azuraforge_soil_moisture" / "__init__.py").exists()
    assert "$" not in "".join(path.read_text() for path in package.rglob("*.*") if path.is_file())


@pytest.mark.parametrize(
    "name", ["", "Soil", "soil moisture", "1soil", "soil-", "-soil", "a--b", "../soil", "s" * 51]
)
def test_a_name_that_no_package_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lower-case letters and digits"):
        write_plugin(name, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "soil").mkdir()
    (tmp_path / "soil" / "notes.txt").write_text("mine")

    with pytest.raises(RefusedError, match="is there already"):
        write_plugin("soil", tmp_path)

    assert [path.name for path in tmp_path.rglob("*")] == ["soil", "notes.txt"]


def test_the_name_of_an_installed_plugin_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azuraforge.plugin.names", lambda: ["soil"])

    with pytest.raises(RefusedError, match="installed already"):
        write_plugin("soil", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(PluginError, match=r"file/soil: cannot be written"):
        write_plugin("soil", tmp_path / "file")


def test_a_package_that_cannot_be_finished_is_not_there_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        sys.modules["azuraforge.plugin_new"].FILES, "tests/test_plugin.py", "no such template"
    )

    with pytest.raises(PluginError, match="No such file"):
        write_plugin("soil", tmp_path)

    assert list(tmp_path.iterdir()) == []


TRAIN = """
from azuraforge import plugin
from azuraforge.engine import Generator
from azuraforge.engine.optim import Adam
from azuraforge.engine.train import Loop

found = plugin.load("soil-moisture")
config, generator = found.config(), Generator(0)
task = found.build(config, generator)
loop = Loop(
    model=task.model,
    optimizer=Adam(task.model.parameters(), lr=config.optim.lr),
    loss=task.loss, metrics=task.metrics, train=task.train, validation=task.validation,
    monitor=task.monitor, mode=task.mode, epochs=config.training.epochs,
    batch_size=config.training.batch_size, generator=generator.child("loop"),
)
list(loop)
print(loop.evaluate(task.test)["r2"])
"""


def installed_like(package: Path) -> None:
    """Put beside the package the metadata that installing it would: pip needs a network."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    metadata = package / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    entries = project["entry-points"]["azuraforge.plugins"].items()
    lines = [f"{name} = {value}" for name, value in entries]
    (metadata / "entry_points.txt").write_text("\n".join(["[azuraforge.plugins]", *lines]))


def run(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
