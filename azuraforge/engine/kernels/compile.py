"""Compiling kernels with Numba: once per user, machine and source, kept on disk.

Numba's own cache looks for changes in a function's file only (numba#10128), and kernels are made of
parts in several; so the folder it is given is named by everything the code depends on.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding

OPTIONS = {"error_model": "numpy", "nogil": True}  # a checked division is not vectorised

log = logging.getLogger("azuraforge")

if "NUMBA_THREADING_LAYER" not in os.environ:
    numba.config.THREADING_LAYER = "threadsafe"  # the default may abort on concurrent use


def part(function: Callable[..., Any] | None = None, *, parallel: bool = False) -> Any:
    """A function that kernels are made of; it is compiled into those that call it."""
    if function is None:
        return lambda found: part(found, parallel=parallel)
    return numba.njit(parallel=parallel, **OPTIONS)(function)


def compiled(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for one signature, when its module is imported; the GIL is not held.

    One, because two processes that compile two signatures of a function at a time can leave one's
    code under the other's name on disk (numba#4807).
    """
    return _kept_on_disk(lambda **keep: numba.njit(signature, **OPTIONS, **keep))


def native(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function to be called by its `address` from others, which need not contain it.

    A function compiled into every kernel that calls it is compiled, and optimised, every time.
    """
    return _kept_on_disk(lambda **keep: numba.cfunc(signature, **OPTIONS, **keep))


def _kept_on_disk(decorator: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """The decorator with a cache on disk; a damaged one is thrown away and made anew."""

    def compile_it(function: Callable[..., Any]) -> Any:
        folder = cache_folder()
        try:
            with _caching_in(folder):
                return decorator(cache=True)(function)
        except OSError:  # the folder cannot be written: this process compiles for itself
            return decorator()(function)
        except numba.core.errors.NumbaError:
            raise
        except Exception as error:  # noqa: BLE001  (what unpickling damaged bytes raises is open)
            log.warning("kernel cache %s cannot be read (%r); making it anew", folder, error)
            shutil.rmtree(folder, ignore_errors=True)
            with _caching_in(folder):
                return decorator(cache=True)(function)

    return compile_it


@cache
def cache_folder() -> Path:
    """Where compiled kernels lie: named by their sources, Numba, Python and this CPU."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    features = binding.get_host_cpu_features().flatten()
    for fact in (numba.__version__, sys.version, binding.get_host_cpu_name(), features):
        digest.update(fact.encode())
    root = os.environ.get("AZURAFORGE_CACHE")
    base = Path(root) if root else Path.home() / ".cache" / "azuraforge"
    return base / "kernels" / digest.hexdigest()[:16]


@contextmanager
def _caching_in(folder: Path) -> Iterator[None]:
    if not folder.exists():
        log.warning("compiling kernels for this machine, once: some seconds …")
        folder.mkdir(parents=True, exist_ok=True)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before
