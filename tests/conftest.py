"""Fixtures every test may ask for: randomness and time are arguments, never ambient."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest

from tests.postgres import Server, server

# A deadline would make a busy machine fail a sound test; on the build server the examples are
# the same every time, at a desk they differ.
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")


class Clock:
    """Seconds that pass only when told to: `clock()` reads them, `clock.advance(s)` moves on."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server, with a template `migrated` of an empty registry."""
    with server() as running:
        from azuraforge.store.postgres import PostgreSQL

        running.execute("CREATE DATABASE migrated")
        PostgreSQL(running.url("migrated")).close()
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every registry that the test opens is kept in SQLite, and once more in PostgreSQL."""
    if request.param == "postgresql":
        running = request.getfixturevalue("postgres")
        monkeypatch.setenv("AZURAFORGE_DATABASE", running.new_database("migrated"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
