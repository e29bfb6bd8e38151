"""The published data, where this machine has it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import azuraforge
from azuraforge.engine.threads import threads

DATA = Path(os.environ.get("AZURAFORGE_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.fixture(autouse=True)
def one_thread():
    before = threads()
    azuraforge.set_threads(1)
    yield
    azuraforge.set_threads(before)


@pytest.fixture
def data_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`data_of("ett")` lets fetch() find the folder, or skips the test."""

    def found(folder: str) -> None:
        if not (DATA / folder).is_dir():
            pytest.skip(f"no {folder} in {DATA}; name a folder in AZURAFORGE_DATA")
        monkeypatch.setenv("AZURAFORGE_DATA", str(DATA))

    return found
