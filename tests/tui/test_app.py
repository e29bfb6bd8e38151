from __future__ import annotations

import pytest
from azuraforge_tui.app import glyphs_for
from azuraforge_tui.theme import DARK, LIGHT


@pytest.mark.parametrize(
    ("encoding", "term", "name"),
    [
        ("utf-8", "xterm-256color", "braille"),
        ("UTF8", "tmux-256color", "braille"),
        ("utf-8", "linux", "blocks"),
        ("ascii", "xterm", "ascii"),
        ("iso8859-1", "linux", "ascii"),
    ],
)
def test_curves_are_drawn_in_characters_the_terminal_has(encoding, term, name):
    assert glyphs_for(encoding, term).name == name


@pytest.mark.anyio
async def test_f2_switches_between_dark_and_light(app, service, shows):
    async with app.run_test() as pilot:
        await shows(pilot, "No runs yet")
        assert app.theme == DARK.name

        await pilot.press("f2")
        assert app.theme == LIGHT.name
        await pilot.press("f2")
        assert app.theme == DARK.name


@pytest.mark.anyio
async def test_q_leaves(app, service, shows):
    async with app.run_test() as pilot:
        await shows(pilot, "No runs yet")

        await pilot.press("q")
        await pilot.pause()

    assert app.return_code == 0
