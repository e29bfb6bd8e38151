from __future__ import annotations

import io

import pytest

from azuraforge.cli.counting import counting
from azuraforge.cli.progress import ERASE
from tests.conftest import Clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_count_is_drawn_in_place_and_taken_away(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()

    with counting("steps", stream=screen, clock=clock) as count:
        count(1, 1000)
        count(2, 1000)  # too soon to be read
        clock.advance(1.0)
        count(1000, 1000)

    assert screen.getvalue().split(ERASE) == ["", "steps: 1 of 1,000", "steps: 1,000 of 1,000", ""]


def test_elsewhere_it_is_mute(clock: Clock) -> None:
    log = io.StringIO()

    with counting("steps", stream=log, clock=clock) as count:
        count(1, 1000)

    assert log.getvalue() == ""
