"""Numba's compiler, which is loaded only where there is something to compile.

What is on disk runs without it, but for its counter of references; it takes as long to load as
Numba itself.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

rtsys.initialize(cpu_target.target_context)


@cache
def load_compiler() -> None:
    """Load what Numba would load with the first kernel, but not SciPy.

    Numba imports SciPy to see whether it is there, which takes longer than Numba itself.
    """
    from numba.np import linalg  # loads much of the compiler

    asks = linalg.ensure_blas
    linalg.ensure_blas = _ask_for_scipy
    try:
        cpu_target.target_context.refresh()
    finally:
        linalg.ensure_blas = asks


def _ask_for_scipy() -> None:
    if find_spec("scipy") is None:
        raise ImportError("SciPy is not installed")
