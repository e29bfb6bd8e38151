from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from azuraforge.cli import own_service
from azuraforge.cli.main import main


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs a screen was opened on; the screen itself needs a terminal and has its own tests."""
    urls: list[str] = []
    screen = ModuleType("azuraforge_tui.app")
    screen.run = urls.append
    monkeypatch.setitem(sys.modules, "azuraforge_tui.app", screen)
    return urls


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runtimes services of our own were started on."""
    runtimes: list[str] = []

    @contextmanager
    def start(runtime: str, home: Path | None) -> Iterator[str]:
        runtimes.append(runtime)
        yield "http://own"

    monkeypatch.setattr(own_service, "own_service", start)
    return runtimes


def there(monkeypatch: pytest.MonkeyPatch, *urls: str) -> None:
    monkeypatch.setattr(own_service, "answers", lambda url: url in urls)


def test_a_service_that_runs_is_used(
    shown: list[str], started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there(monkeypatch, "http://127.0.0.1:8642")

    assert main(["tui"]) == 0

    assert (shown, started) == (["http://127.0.0.1:8642"], [])


def test_where_none_runs_and_none_was_named_one_is_started(
    shown: list[str], started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there(monkeypatch)

    assert main(["tui", "--runtime", "local"]) == 0

    assert (shown, started) == (["http://own"], ["local"])


def test_a_service_that_was_named_and_does_not_answer_is_an_error(
    shown: list[str],
    started: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there(monkeypatch, "http://127.0.0.1:8642")

    assert main(["tui", "--url", "http://127.0.0.1:9000"]) == 3

    assert (shown, started) == ([], [])
    assert "http://127.0.0.1:9000" in capsys.readouterr().err
