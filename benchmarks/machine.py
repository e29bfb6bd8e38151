"""The machine that figures come from."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
PACKAGES = ("numpy", "numba", "torch", "jax")
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "asimd")  # those that decide which kernels


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where and with what a file of results was measured."""

    cpu: str
    cores: int
    flags: list[str]
    system: str
    load: tuple[float, float]  # of the last minute, before and after; before, it is others'
    python: str
    packages: dict[str, str]
    commit: str  # with a + if files differed from it
    date: str


def present_machine(load_before: float) -> Machine:
    """This machine, now; `load_before` is its load before anything was measured."""
    cpu, flags = _cpu()
    return Machine(
        cpu=cpu,
        cores=os.cpu_count() or 1,
        flags=[flag for flag in FLAGS if flag in flags],
        system=f"{platform.system()} {platform.machine()}",
        load=(round(load_before, 1), round(os.getloadavg()[0], 1)),
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
        commit=_commit(),
        date=datetime.now(UTC).date().isoformat(),
    )


def _cpu() -> tuple[str, set[str]]:
    """The CPU's name and what it can do, where the system says."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine(), set()
    lines = (line.partition(":") for line in path.read_text().splitlines())
    said = {key.strip(): value.strip() for key, _, value in lines}
    name = said.get("model name", platform.machine())
    return name, set(said.get("flags", said.get("Features", "")).split())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    commit = _git("rev-parse", "--short=10", "HEAD")
    changed = _git("status", "--porcelain", "--", "azuraforge/engine", "benchmarks/*.py")
    return f"{commit}+" if changed else commit


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
