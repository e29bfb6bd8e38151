"""How numbers, times and states read on a screen."""

from __future__ import annotations

import math

from azuraforge.schema.records import RunState

MARKS: dict[RunState, str] = {
    "queued": "○",
    "running": "●",
    "paused": "‖",
    "lost": "◌",
    "finished": "✓",
    "failed": "✗",
    "stopped": "■",
}


def number(value: float) -> str:
    """Four significant digits: 0.9812, 1234, 1.2e-05."""
    if value and abs(value) < 1e-4:
        return f"{value:.2g}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def span(seconds: float) -> str:
    """A length of time: 4.2 s, 42 s, 3:05 min, 2:03:05 h, 3 d 4 h."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}:{minutes:02d}:{rest:02d} h"
    return f"{hours // 24} d {hours % 24} h"


def ago(seconds: float) -> str:
    """How long since: just now, 42 s ago, 3 min ago, 5 h ago, 2 d ago."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= max(size, 5):
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def counted(count: int, what: str) -> str:
    """1 run, 2 runs."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def state(of: RunState) -> str:
    """A state with its symbol."""
    return f"{MARKS[of]} {of}"


def plain(value: object) -> str:
    """A config value as one would type it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
