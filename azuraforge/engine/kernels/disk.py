"""Compiled kernels on disk: in a folder named by all they are made of, each with its checksum.

Numba's own cache looks for changes in a function's file only (numba#10128), and kernels are made of
parts in several; it also believes whatever it finds in its files.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import pickle
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator
from numba.core.serialize import dumps

from azuraforge.engine import compiling
from azuraforge.engine.kernels.loading import load_compiler

log = logging.getLogger("azuraforge")

# Numba counts the functions of a process from 1 and names their code by the count. What two
# processes compiled and a third loads may then share a name, and the one is run for the other.
FunctionIdentity._unique_ids = itertools.count(int.from_bytes(os.urandom(6)))


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


class _Place(UserProvidedCacheLocator):  # type: ignore[misc]
    """Files of a function in our folder, and nowhere else where that cannot be written."""

    def __init__(self, function: Any, file: str) -> None:
        self._py_file = file
        self._lineno = function.__code__.co_firstlineno
        self._cache_path = str(cache_folder() / self.get_suitable_cache_subpath(file))

    @classmethod
    def from_function(cls, function: Any, file: str) -> _Place:
        return cls(function, file)


class _Sealed(CompileResultCacheImpl):  # type: ignore[misc]
    """Compiled code as bytes with their checksum: a wrong bit in it would run."""

    _locator_classes = (_Place,)

    def reduce(self, result: Any) -> tuple[bytes, bytes]:
        code = dumps(super().reduce(result))
        return hashlib.sha256(code).digest(), code

    def rebuild(self, context: Any, sealed: tuple[bytes, bytes]) -> Any:
        checksum, code = sealed
        if hashlib.sha256(code).digest() != checksum:
            raise ValueError("its checksum is wrong")
        return super().rebuild(context, pickle.loads(code))  # noqa: S301  (as Numba does)


class KeptOnDisk(FunctionCache):  # type: ignore[misc]
    """One function's place on disk: what is damaged there is compiled anew."""

    _impl_class = _Sealed

    def load_overload(self, signature: Any, context: Any) -> Any:
        found = self._on_disk(signature, context)
        if found is None:
            compiling.begin(self._impl.filename_base)
            load_compiler()
        return found

    def save_overload(self, signature: Any, result: Any) -> None:
        try:
            super().save_overload(signature, result)
        except OSError as error:
            _cannot_be_used(error)

    def _on_disk(self, signature: Any, context: Any) -> Any:
        try:
            return self._load_overload(signature, context)  # the public one loads the compiler
        except OSError as error:
            _cannot_be_used(error)
        except Exception as error:  # noqa: BLE001  (what damaged bytes raise is open)
            name = self._impl.filename_base
            log.warning("kernel %s on disk is damaged (%r): compiling it anew", name, error)
            self._forget()
        return None

    def _forget(self) -> None:
        try:
            self.flush()
        except OSError as error:
            _cannot_be_used(error)


def _cannot_be_used(error: OSError) -> None:
    """Say once in a process that it compiles for itself alone."""
    if not _told:
        _told.append(error)
        log.warning("compiled kernels are not kept: %s", error)


_told: list[OSError] = []
