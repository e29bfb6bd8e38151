"""A machine whose time passes only when a test says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.measure import Clock


class Bench:
    """`call(name, s)` is a call that takes `s` seconds and is written down in `calls`."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.own_cores = 1.0
        self.waited_s: float | None = 0.0
        self.spinning_looks = 0
        self.calls: list[str] = []
        self.clock = Clock(
            wall=lambda: self.now_s,
            cpu=lambda: self.now_s * self.own_cores,
            waited=lambda: self.waited_s,
            others_work=self.look,
            sleep=self.advance,
        )

    def advance(self, seconds: float) -> None:
        self.now_s += seconds

    def look(self) -> bool:
        self.spinning_looks -= 1
        return self.spinning_looks >= 0

    def call(self, name: str, seconds: float) -> Callable[[], None]:
        def step() -> None:
            self.calls.append(name)
            self.now_s += seconds

        return step


@pytest.fixture
def bench() -> Bench:
    return Bench()
