"""JSON on stdout: one indented document, or one line of a stream."""

from __future__ import annotations

from typing import Any

import msgspec


def print_document(value: Any) -> None:
    """The value as one JSON document for a reader or a program."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_line(value: Any) -> None:
    """The value as one JSON line, sent at once: somebody may be following."""
    print(msgspec.json.encode(value).decode(), flush=True)
