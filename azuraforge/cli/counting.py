"""A count that is redrawn in place while something long is done, on a terminal only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from azuraforge.cli.progress import ERASE, REDRAW_S


@contextmanager
def counting(
    what: str, *, stream: TextIO, clock: Callable[[], float]
) -> Iterator[Callable[[int, int], None]]:
    """A function to be told how far it is, of how much; elsewhere than on a terminal it is mute."""
    is_live = stream.isatty() and os.environ.get("TERM") != "dumb"
    drawn_at: float | None = None

    def count(done: int, of: int) -> None:
        nonlocal drawn_at
        now = clock()
        if is_live and (drawn_at is None or now - drawn_at >= REDRAW_S):
            drawn_at = now
            stream.write(f"{ERASE}{what}: {done:,} of {of:,}")
            stream.flush()

    try:
        yield count
    finally:
        if drawn_at is not None:
            stream.write(ERASE)
            stream.flush()
