"""How many threads the BLAS under NumPy uses: results are bit-identical at a given count."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SYMBOLS = (
    "scipy_openblas_{}_num_threads64_",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


def set_threads(count: int) -> int:
    """Let BLAS use `count` threads; returns how many it says it uses, 0 where it cannot be told.

    NumPy's wheels carry OpenBLAS, which can be told; another BLAS follows its environment variable.
    """
    if count < 1:
        raise ValueError(f"set_threads: got {count}, allowed: 1 or more")
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
