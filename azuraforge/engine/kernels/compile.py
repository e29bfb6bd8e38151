"""Compiling kernels with Numba: once per user, machine and source (disk.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

from azuraforge.engine import compiling
from azuraforge.engine.kernels.disk import KeptOnDisk
from azuraforge.engine.kernels.loading import load_compiler
from azuraforge.engine.threads import hold_blas

OPTIONS = {"error_model": "numpy", "nogil": True}  # a checked division is not vectorised

hold_blas()


def part(function: Callable[..., Any]) -> Any:
    """A function that kernels are made of; it is compiled into those that call it."""
    return numba.njit(**OPTIONS)(function)


def compiled(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for one signature, when its module is imported; the GIL is not held.

    One, because two processes that compile two signatures of a function at a time can leave one's
    code under the other's name on disk (numba#4807).
    """

    def compile_it(function: Callable[..., Any]) -> Any:
        kernel = numba.njit(**OPTIONS)(function)
        _compile(kernel, function, signature)
        kernel.disable_compile()
        return kernel

    return compile_it


def native(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function to be called by its `address` from others, which need not contain it.

    A function compiled into every kernel that calls it is compiled, and optimised, every time.
    """

    def compile_it(function: Callable[..., Any]) -> Any:
        kernel = CFunc(function, normalize_signature(signature), locals={}, options=OPTIONS)
        _compile(kernel, function)
        return kernel

    return compile_it


def _compile(kernel: Any, function: Callable[..., Any], *signature: str) -> None:
    """Take it from disk, or compile it; what no file defines has no place there."""
    if Path(function.__code__.co_filename).exists():
        kernel._cache = KeptOnDisk(function)
    else:
        load_compiler()
    try:
        kernel.compile(*signature)
    finally:
        compiling.end()
