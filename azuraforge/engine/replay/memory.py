"""What the C allocator does with memory that a training step has freed: keeps it, or gives it back.

By default glibc gives large blocks back to the system at once, and the next step faults every page
in anew: 1,400 faults and 3 of 8 ms in a step of a small CNN.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_ON_THE_HEAP = 32 << 20  # mallopt(3) allows no more


def keep_freed(limit_bytes: int = 1 << 30) -> bool:
    """Let this process keep up to `limit_bytes` of freed memory for the next step.

    For a process that trains, and once, at its start: it holds for all of the process. Returns
    whether the allocator took it; only glibc has the setting.
    """
    mallopt = _of_c("mallopt")
    return mallopt is not None and bool(
        mallopt(M_TRIM_THRESHOLD, min(limit_bytes, 2**31 - 1))
        and mallopt(M_MMAP_THRESHOLD, LARGEST_ON_THE_HEAP)
    )


def give_back() -> bool:
    """Give memory that is free now back to the system, whatever is to be kept from now on.

    Returns whether the allocator had any; only glibc can be told.
    """
    trim = _of_c("malloc_trim")
    return trim is not None and bool(trim(0))


def _of_c(name: str) -> Any:
    """The C library's function; None where the library is another one, or has no such function."""
    is_linux = sys.platform.startswith("linux")
    return getattr(ctypes.CDLL(None), name, None) if is_linux else None
