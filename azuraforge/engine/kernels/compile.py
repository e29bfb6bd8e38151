"""Compiling kernels with Numba, kept on disk from one process to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for one signature, when its module is imported.

    One, because two processes that compile two signatures of a function at a time can leave one's
    code under the other's name on disk (numba#4807). What the function calls must be of its own
    file: Numba looks for changes only there (numba#10128). The GIL is not held.
    """

    def compile_it(function: Callable[..., Any]) -> Any:
        # "numpy": a division that checks for zero is not vectorised
        options = {"error_model": "numpy", "nogil": True}
        try:
            return numba.njit(signature, cache=True, **options)(function)
        except RuntimeError:  # Numba's word for: neither this folder nor the user's can be written
            return numba.njit(signature, **options)(function)

    return compile_it
