"""How many threads kernels use: results are bit-identical at a given count.

The count is of the process; it is the number of cores until it is set. NumPy's BLAS has threads of
its own. Beside kernels it is held to one: its others spin on for 26 ms of CPU after a product, on
cores that kernels are about to use (measured: an MLP's step of 0.8 ms took 80 after a product of
256 x 256, both on 2 threads of 2 cores). Without Numba there are no kernels, and BLAS has them all.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from importlib.util import find_spec
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
    """Let kernels use `count` threads, or BLAS without them; how many BLAS then says it uses.

    NumPy's wheels carry OpenBLAS, which can be told; another BLAS follows its environment variable
    and gives 0 here.
    """
    if count < 1:
        raise ValueError(f"set_threads: got {count}, allowed: 1 or more")
    _count[0] = count
    return _set_blas_threads(count if find_spec("numba") is None else 1)


def hold_blas() -> None:
    """Let BLAS use one thread: whoever never sets a count has kernels that call this."""
    _set_blas_threads(1)


def _set_blas_threads(count: int) -> int:
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
