"""Two themes in colours that colour-blind readers tell apart; a symbol stands beside each.

Source: Okabe and Ito (2008), Color Universal Design. Their yellow and sky blue vanish on white, so
the light theme has darker relatives; tests keep every text colour at a contrast of 4.5 or more.
"""

from __future__ import annotations

from textual.theme import Theme

from azuraforge.schema.records import RunState

STATE_VARIABLES: dict[RunState, str] = {
    "queued": "state-queued",
    "running": "state-running",
    "paused": "state-paused",
    "lost": "state-lost",
    "finished": "state-finished",
    "failed": "state-failed",
    "stopped": "state-stopped",
}

DARK = Theme(
    name="azuraforge-dark",
    dark=True,
    primary="#56b4e9",  # sky blue
    secondary="#8fa3b5",
    accent="#e69f00",  # orange
    success="#1fb58a",  # bluish green, lighter
    warning="#e69f00",
    error="#f0763a",  # vermilion, lighter
    foreground="#d9dee5",
    background="#11151b",
    surface="#181e26",
    panel="#222a35",
    variables={
        "series-train": "#56b4e9",
        "series-validation": "#e69f00",
        "state-queued": "#9aa7b5",
        "state-running": "#56b4e9",
        "state-paused": "#d8c84a",  # yellow, darker
        "state-lost": "#e69f00",
        "state-finished": "#1fb58a",
        "state-failed": "#f0763a",
        "state-stopped": "#d98fb8",  # reddish purple
        "quiet": "#8795a5",
        "rule": "#33404f",
        "footer-background": "#181e26",
        "footer-key-foreground": "#56b4e9",
        "footer-description-foreground": "#a9b5c2",
        "block-cursor-background": "#274a63",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#222a35",
        "block-cursor-blurred-foreground": "#d9dee5",
        "border": "#56b4e9",
        "border-blurred": "#33404f",
        "scrollbar": "#33404f",
        "scrollbar-hover": "#4a5a6c",
        "scrollbar-active": "#4a5a6c",
        "scrollbar-background": "#11151b",
        "scrollbar-background-hover": "#11151b",
        "scrollbar-background-active": "#11151b",
        "scrollbar-corner-color": "#11151b",
    },
)

LIGHT = Theme(
    name="azuraforge-light",
    dark=False,
    primary="#0067a0",  # blue
    secondary="#4d5b6a",
    accent="#a34700",
    success="#00704f",  # bluish green, darker
    warning="#855c00",
    error="#ad4200",  # vermilion, darker
    foreground="#1d242c",
    background="#fbfbf9",
    surface="#f1f2f0",
    panel="#e4e7e8",
    variables={
        "series-train": "#0067a0",
        "series-validation": "#9f4d00",
        "state-queued": "#56636f",
        "state-running": "#0067a0",
        "state-paused": "#6b5900",  # yellow, far darker
        "state-lost": "#9f4d00",
        "state-finished": "#00704f",
        "state-failed": "#ad4200",
        "state-stopped": "#96417a",  # reddish purple, darker
        "quiet": "#5a6773",
        "rule": "#c3cad0",
        "footer-background": "#f1f2f0",
        "footer-key-foreground": "#0067a0",
        "footer-description-foreground": "#4d5b6a",
        "block-cursor-background": "#cfe3f2",
        "block-cursor-foreground": "#000000",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e4e7e8",
        "block-cursor-blurred-foreground": "#1d242c",
        "border": "#0067a0",
        "border-blurred": "#c3cad0",
        "scrollbar": "#c3cad0",
        "scrollbar-hover": "#9aa5ae",
        "scrollbar-active": "#9aa5ae",
        "scrollbar-background": "#fbfbf9",
        "scrollbar-background-hover": "#fbfbf9",
        "scrollbar-background-active": "#fbfbf9",
        "scrollbar-corner-color": "#fbfbf9",
    },
)
