"""What works on this machine: one Check per thing, with what to do where it does not work."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from azuraforge.errors import AzuraForgeError, DeviceError
from azuraforge.plugin import describe, names

State = Literal["ok", "missing", "broken"]  # missing: nobody has to have it
PACKAGES = {  # what is imported, and the extra of azuraforge that brings it; "": always needed
    "numpy": "",
    "msgspec": "",
    "safetensors": "",
    "numba": "jit",
    "sqlalchemy": "store",
    "alembic": "store",
    "ray": "ray",
    "litestar": "api",
    "uvicorn": "api",
    "httpx": "tui",
    "textual": "tui",
}
VECTORS = ("avx2", "fma", "avx512f", "asimd", "sve")  # asimd: Arm's NEON
LOW_SPACE_BYTES = 1 << 30
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


class Check(Struct, frozen=True, kw_only=True):
    """One thing looked at: how it is, and what to do if that is not well."""

    name: str
    state: State
    detail: str
    remedy: str = ""


def checks(home: Path | None, *, deep: bool) -> Iterator[Check]:
    """Everything worth looking at, the cheap things first; `deep` also starts and stops a Ray."""
    yield python()
    for package, extra in PACKAGES.items():
        yield imported(package, extra)
    yield cpu()
    yield blas()
    yield gpu()
    if deep:
        yield ray_start(home)
    yield data(os.environ.get("AZURAFORGE_DATA"))
    yield from home_folder(home)
    yield from plugins()


def python() -> Check:
    found = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check(name="Python", state="ok", detail=f"{found}, {sys.executable}")
    return Check(
        name="Python", state="broken", detail=found, remedy="AzuraForge needs Python 3.11 to 3.13"
    )


def imported(package: str, extra: str) -> Check:
    """Whether a package is there and can really be imported."""
    remedy = f"pip install 'azuraforge[{extra}]'" if extra else "pip install azuraforge"
    try:
        found = version(package)
    except PackageNotFoundError:
        state: State = "missing" if extra else "broken"
        return Check(name=package, state=state, detail="not installed", remedy=remedy)
    try:  # Ray through the one importer of it: what is set after its import comes too late
        import_module("azuraforge.actors.runtimes.on_ray" if package == "ray" else package)
    except Exception as error:  # noqa: BLE001  (whatever it raises is the finding)
        detail = f"{found} does not import: {type(error).__name__}: {error}"
        return Check(name=package, state="broken", detail=detail, remedy=f"{remedy}, again")
    return Check(name=package, state="ok", detail=found)


def cpu() -> Check:
    """Model, cores this process may use, vector instructions."""
    told = _cpuinfo()
    model = told.get("model name") or platform.processor() or platform.machine()
    flags = told.get("flags", told.get("Features", "")).split()
    vectors = " ".join(flag for flag in VECTORS if flag in flags)
    cores = len(os.sched_getaffinity(0))
    return Check(
        name="CPU",
        state="ok",
        detail=f"{model}, {cores} cores, {vectors or 'vector instructions unknown'}",
    )


def blas() -> Check:
    """Which BLAS NumPy multiplies with, and whether its threads can be set."""
    import numpy as np

    from azuraforge.engine.threads import set_threads

    found: Any = np.show_config(mode="dicts")
    library = found["Build Dependencies"]["blas"]
    detail = f"{library['name']} {library['version']}"
    if set_threads(1):
        return Check(name="BLAS", state="ok", detail=f"{detail}, its threads can be set")
    return Check(
        name="BLAS",
        state="missing",
        detail=f"{detail}, whose threads cannot be set",
        remedy="set OMP_NUM_THREADS to 1, or use NumPy's own wheel",
    )


def gpu() -> Check:
    """Whether `--device cuda` works, shown by a sum on it."""
    from azuraforge.engine.device import array_module

    try:
        cupy = array_module("cuda")
        found = cupy.cuda.runtime.getDeviceProperties(0)
        driver = cupy.cuda.runtime.driverGetVersion()
        if int(cupy.arange(4).sum()) != 6:
            raise DeviceError("0 + 1 + 2 + 3 is not 6 on it")
    except DeviceError as error:
        has_driver = NVIDIA_DRIVER.exists()
        remedy = "pip install 'azuraforge[gpu]' (CUDA 13) or 'azuraforge[gpu12]' (CUDA 12)"
        return Check(
            name="GPU",
            state="missing",
            detail=f"{error}; NVIDIA driver: {'loaded' if has_driver else 'not loaded'}",
            remedy=remedy if has_driver else "nothing, unless this machine has an NVIDIA GPU",
        )
    except Exception as error:  # noqa: BLE001  (drivers fail in ways of their own: the finding)
        return Check(
            name="GPU",
            state="broken",
            detail=f"CuPy finds a GPU and fails on it: {type(error).__name__}: {error}",
            remedy="install the CuPy that fits the driver: azuraforge[gpu] or azuraforge[gpu12]",
        )
    memory = found["totalGlobalMem"] / 2**30
    name = found["name"].decode()
    detail = f"{name}, {memory:.0f} GiB, CUDA driver {driver // 1000}.{driver % 1000 // 10}"
    return Check(name="GPU", state="ok", detail=f"{detail}, CuPy {cupy.__version__}")


def ray_start(home: Path | None) -> Check:
    """Whether a local Ray comes up and goes down, and how long that takes."""
    import asyncio

    from azuraforge.actors.connect import connect

    began = time.perf_counter()
    try:
        asyncio.run(connect("ray", home=home).close())
    except AzuraForgeError as error:
        return Check(
            name="Ray start",
            state="broken",
            detail=str(error),
            remedy="use --runtime local until Ray starts",
        )
    seconds = time.perf_counter() - began
    return Check(name="Ray start", state="ok", detail=f"started and stopped in {seconds:.1f} s")


def data(folder: str | None) -> Check:
    """The folder that $AZURAFORGE_DATA names, and what lies in it."""
    remedy = "set AZURAFORGE_DATA to a folder with data"
    if not folder:
        detail = "AZURAFORGE_DATA is not set; what a plugin can download, it downloads"
        return Check(name="data", state="missing", detail=detail, remedy=remedy)
    try:
        found = sorted(p.name for p in Path(folder).expanduser().iterdir() if p.is_dir())
    except OSError as error:
        detail = f"AZURAFORGE_DATA={folder}: {error.strerror}"
        return Check(name="data", state="broken", detail=detail, remedy=f"{remedy}, or unset it")
    return Check(name="data", state="ok", detail=f"{folder}: {', '.join(found) or 'no folders'}")


def home_folder(path: Path | None) -> Iterator[Check]:
    """Whether the home folder can be written, has room, and holds a database of this version."""
    from azuraforge.store.home import home

    try:
        folder = home(path)
        free = shutil.disk_usage(folder).free
    except AzuraForgeError as error:
        yield Check(name="home", state="broken", detail=str(error))
        return
    room = f"{folder}, {free / 2**30:.1f} GiB free"
    if free < LOW_SPACE_BYTES:
        yield Check(name="home", state="broken", detail=room, remedy="free some room")
    else:
        yield Check(name="home", state="ok", detail=room)
    yield database(folder)


def database(folder: Path) -> Check:
    """Whether the home folder's database opens; an older one is brought up to date by that."""
    try:
        from azuraforge.store.database import HEAD
        from azuraforge.store.open import database_url, open_database
    except ImportError as error:
        detail = f"cannot be opened: {error}"
        remedy = "pip install 'azuraforge[store]'"
        return Check(name="database", state="missing", detail=detail, remedy=remedy)
    if database_url() is None and not (folder / "registry.sqlite").exists():
        return Check(name="database", state="ok", detail="none yet; the first run makes it")
    try:
        open_database(folder).close()
    except AzuraForgeError as error:
        return Check(name="database", state="broken", detail=str(error))
    return Check(name="database", state="ok", detail=f"opens, version {HEAD}")


def plugins() -> Iterator[Check]:
    """Every installed plugin: whether it imports."""
    found = names()
    if not found:
        yield Check(
            name="plugins",
            state="missing",
            detail="none installed",
            remedy="pip install a plugin, or write one: azuraforge plugins new NAME",
        )
    for info in map(describe, found):
        name = f"plugin {info.name}"
        if info.error is None:
            yield Check(name=name, state="ok", detail=f"{info.version}: {info.summary}")
        else:
            remedy = "reinstall it, or uninstall it: the others work without it"
            yield Check(name=name, state="broken", detail=info.error, remedy=remedy)


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; nothing where there is no such file."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
