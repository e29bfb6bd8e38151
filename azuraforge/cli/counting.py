"""A count that is redrawn in place while something long is done, on a terminal only."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from azuraforge.cli.progress import ERASE, REDRAW_S


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function to be told how far it is, of how much; elsewhere than on a terminal it is mute."""
    is_live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    drawn_at = 0.0

    def count(done: int, of: int) -> None:
        nonlocal drawn_at
        now = time.monotonic()
        if is_live and now - drawn_at >= REDRAW_S:
            drawn_at = now
            sys.stderr.write(f"{ERASE}{what}: {done:,} of {of:,}")
            sys.stderr.flush()

    try:
        yield count
    finally:
        if drawn_at:
            sys.stderr.write(ERASE)
            sys.stderr.flush()
