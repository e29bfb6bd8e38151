"""How many threads kernels and BLAS use: results are bit-identical at a given count.

The count is of the process, as BLAS's own is; it is the number of cores until it is set.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SYMBOLS = (
    "scipy_openblas_{}_num_threads64_",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


_count = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]


def threads() -> int:
    """How many threads kernels use."""
    return _count[0]


def set_threads(count: int) -> int:
    """Let kernels and BLAS use `count` threads; returns how many BLAS then says it uses.

    NumPy's wheels carry OpenBLAS, which can be told; another BLAS follows its environment variable
    and gives 0 here.
    """
    if count < 1:
        raise ValueError(f"set_threads: got {count}, allowed: 1 or more")
    _count[0] = count
    library = _openblas()
    if library is None:
        return 0
    setter, getter = library
    setter(count)
    return int(getter())


@cache
def _openblas() -> tuple[Any, Any] | None:
    site = Path(np.__file__).parent
    folders = (site.parent / "numpy.libs", site / ".dylibs")
    for path in (p for folder in folders for p in folder.glob("*openblas*")):
        library = ctypes.CDLL(str(path))
        for symbol in SYMBOLS:
            if hasattr(library, symbol.format("set")):
                return getattr(library, symbol.format("set")), getattr(
                    library, symbol.format("get")
                )
    return None
