"""What a run's bits depend on besides its spec, read off this machine."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import azuraforge
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.device import put
from azuraforge.plugin import Plugin, Task
from azuraforge.schema.provenance import Environment, Provenance

LIBRARIES = ("numpy", "numba", "llvmlite", "cupy-cuda12x", "cupy-cuda13x")  # those that calculate
CPUINFO = Path("/proc/cpuinfo")


def provenance(plugin: Plugin[Any], task: Task, threads: int) -> Provenance:
    """Where the numbers of a run come from that is trained here and now."""
    data = {"train": task.train, "validation": task.validation, "test": task.test}
    return Provenance(
        azuraforge=azuraforge.__version__,
        plugin=plugin.version,
        code=code_hash(type(plugin).__module__.partition(".")[0]),
        data={split: data_hash(dataset) for split, dataset in data.items()},
        environment=environment(),
        threads=threads,
    )


@cache
def code_hash(package: str) -> str:
    """SHA-256 of the source files of the engine and of a plugin's package, names included."""
    found = hashlib.sha256()
    for name in ("azuraforge.engine", package):
        file = import_module(name).__file__
        if file is None:
            continue  # a namespace has no code of its own
        path = Path(file)
        sources = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
        for source in sources:
            found.update(source.relative_to(path.parent).as_posix().encode() + b"\0")
            found.update(source.read_bytes() + b"\0")
    return found.hexdigest()


def data_hash(dataset: TensorDataset) -> str:
    """SHA-256 of a dataset's arrays: their types, shapes and values."""
    found = hashlib.sha256()
    for array in dataset.arrays:
        values = put(array, "cpu")
        found.update(f"{values.dtype.str} {values.shape};".encode())
        found.update(memoryview(values.ravel()).cast("B"))
    return found.hexdigest()


@cache
def environment() -> Environment:
    """The part of this machine that decides how numbers are rounded."""
    return Environment(python=platform.python_version(), cpu=_cpu(), libraries=_libraries())


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # not installed: it calculates nothing
    return found


def _cpu() -> str:
    """The CPU's model, and a checksum of its features: kernels are compiled for them."""
    if not CPUINFO.exists():
        return f"{platform.machine()} {platform.processor()} ({sys.platform})".strip()
    facts: dict[str, str] = {}
    for line in CPUINFO.read_text().splitlines():  # the first core's: the others are its like
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    features = " ".join(sorted(facts.get("flags", facts.get("Features", "")).split()))
    model = facts.get("model name", platform.machine())
    return f"{model}, features {hashlib.sha256(features.encode()).hexdigest()[:8]}"
