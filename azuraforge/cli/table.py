"""Text for people: tables, numbers, durations. Pure: values in, text out; nothing is cut off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The rows under their headers, numbers to the right, two spaces between columns."""
    cells = [[cell(value) for value in row] for row in rows]
    columns = list(zip(headers, *cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    to_right = [
        bool(rows) and all(isinstance(row[i], int | float) or row[i] is None for row in rows)
        for i in range(len(headers))
    ]
    lines = [
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, to_right, strict=True)
        ).rstrip()
        for line in [list(headers), *cells]
    ]
    return "\n".join(lines)


def cell(value: object) -> str:
    """A value as one line of text; control characters, which could steer a terminal, escaped."""
    if value is None:
        return "-"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))


def number(value: float) -> str:
    """A number in a width that stays readable: 12,345, 0.9713, 3.100e-05."""
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4f}"
    return f"{value:.3e}"


def duration(seconds: float) -> str:
    """0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(seconds: float | None) -> str:
    """A time since 1970 on this machine's clock: 2026-11-21 09:30:00."""
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and values in two columns; pairs without a value are left out."""
    told = [(name, cell(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in told), default=0)
    return "\n".join(f"{name:{width}}  {value}" for name, value in told)


def settings(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as dotted paths, in order."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
