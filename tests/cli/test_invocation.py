from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import pytest

from azuraforge.cli.invocation import command
from azuraforge.cli.options import default_runtime

PLAIN = Namespace(home=None, runtime=default_runtime())


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """An executable named as ours is."""
    folder = tmp_path / "bin folder"
    folder.mkdir()
    path = folder / "azuraforge"
    path.touch(mode=0o755)
    return path


def test_a_script_that_the_shell_finds_is_called_by_its_name(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    monkeypatch.setattr(sys, "argv", [str(script)])

    assert command("runs", "ab", like=PLAIN) == "azuraforge runs ab"


def test_a_script_that_the_shell_would_not_find_is_called_by_its_path(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [str(script)])

    assert command("runs", "ab", like=PLAIN) == f"'{script}' runs ab"


def test_a_module_is_called_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/lib/azuraforge/__main__.py", "train"])

    assert command("runs", like=PLAIN).endswith(" -m azuraforge runs")


def test_the_same_home_is_named_again_and_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/lib/azuraforge/__main__.py"])
    like = Namespace(home=Path("my home"), runtime=default_runtime())

    assert command("runs", like=like).endswith("azuraforge runs --home 'my home'")


def test_only_the_screen_starts_a_runtime_and_so_gets_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["/lib/azuraforge/__main__.py"])
    other = "local" if default_runtime() == "ray" else "ray"
    like = Namespace(home=None, runtime=other)

    assert command("tui", like=like).endswith(f"tui --runtime {other}")
    assert command("runs", like=like).endswith("runs")
