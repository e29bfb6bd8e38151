from __future__ import annotations

from typing import get_args

import pytest
from azuraforge_tui.theme import DARK, LIGHT, STATE_VARIABLES
from textual.color import Color

from azuraforge.schema.records import RunState

both = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
TEXTS = ["quiet", "series-train", "series-validation", *STATE_VARIABLES.values()]


@both
@pytest.mark.parametrize("ground", ["background", "surface", "panel"])
@pytest.mark.parametrize("name", [*TEXTS, "primary", "success", "warning", "error", "foreground"])
def test_every_text_colour_can_be_read_on_every_ground(theme, ground, name):
    colour = theme.variables.get(name) or getattr(theme, name)

    assert contrast(colour, getattr(theme, ground)) >= 4.5  # WCAG 2.2, 1.4.3, level AA


@both
def test_the_cursor_row_can_be_read(theme):
    for name in ("block-cursor", "block-cursor-blurred"):
        ground, text = theme.variables[f"{name}-background"], theme.variables[f"{name}-foreground"]
        assert contrast(text, ground) >= 4.5


@both
def test_the_curves_and_the_states_differ_in_hue_for_the_colour_blind(theme):
    assert set(STATE_VARIABLES) == set(get_args(RunState))
    pairs = [
        ("series-train", "series-validation"),
        ("state-finished", "state-failed"),
        ("state-running", "state-failed"),
        ("state-running", "state-stopped"),
    ]
    for one, other in pairs:
        seen = [protanope(theme.variables[name]) for name in (one, other)]
        assert sum(abs(a - b) for a, b in zip(*seen, strict=True)) > 0.15, (one, other)


def linear(colour):
    """Linear-light channels (IEC 61966-2-1)."""
    channels = Color.parse(colour).rgb
    return [
        c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4
        for c in channels
    ]


def contrast(one, other):
    """Contrast ratio as WCAG 2 defines it."""
    luminances = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other))]
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def protanope(colour):
    """The colour as without red cones. Source: Viénot, Brettel and Mollon (1999)."""
    r, g, b = linear(colour)
    return [0.11238 * r + 0.88762 * g, 0.11238 * r + 0.88762 * g, 0.00401 * (r - g) + b]
