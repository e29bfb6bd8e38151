"""Which kernel is being compiled just now: seconds in which a step says nothing else."""

from __future__ import annotations

import logging
from functools import cache

log = logging.getLogger(__name__)

_now: list[str] = []


def now() -> str | None:
    """The kernel that this process is compiling, if it is."""
    return _now[-1] if _now else None


def begin(kernel: str) -> None:
    """A kernel was not found on disk, and is going to be compiled."""
    _now.append(kernel)
    _say()


def end() -> None:
    """It is compiled, or could not be."""
    _now.clear()


@cache
def _say() -> None:
    """Once in a process."""
    log.warning("compiling kernels for this machine, once: some seconds …")
