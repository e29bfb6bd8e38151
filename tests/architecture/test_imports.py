"""The import table of ARCHITECTURE.md, kept on what is loaded: a fresh interpreter each time.

The contracts in pyproject.toml read the source. This reads sys.modules, so it also sees what a
dependency drags in, and an import that has moved from inside a function to the top of a file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import pytest

from azuraforge.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))

GUARDED = """
    numpy msgspec safetensors numba cupy ray litestar uvicorn httpx textual sqlalchemy alembic
    psycopg sklearn torch pytest onnx
    azuraforge.engine azuraforge.schema azuraforge.plugin azuraforge.store azuraforge.actors
    azuraforge.attributions azuraforge.interop azuraforge.client azuraforge.api azuraforge.cli
    azuraforge.chaos azuraforge_tui
""".split()


@dataclass(frozen=True)
class Layer:
    """What importing a layer may load of GUARDED, and what importing all its modules may, besides.

    `but` names modules whose business it is to load more.
    """

    name: str
    loads: str = ""
    modules_load: str = ""
    but: tuple[str, ...] = ()

    def allowed(self, *, every_module: bool) -> set[str]:
        inside = {name for name in GUARDED if f"{self.name}.".startswith(f"{name}.")}
        extra = self.modules_load.split() if every_module else []
        return inside | {*self.loads.split(), *extra}

    def __str__(self) -> str:
        return self.name


ACTORS = """
    azuraforge.engine azuraforge.schema azuraforge.plugin azuraforge.store
    numpy msgspec safetensors numba sqlalchemy alembic psycopg
"""
LAYERS = [
    Layer("azuraforge.errors"),
    Layer("azuraforge.engine", "numpy", modules_load="numba safetensors"),
    Layer("azuraforge.interop", modules_load="numpy numba safetensors onnx azuraforge.engine"),
    Layer("azuraforge.attributions", "numpy azuraforge.engine"),
    Layer("azuraforge.schema", "msgspec"),
    Layer("azuraforge.plugin", "msgspec azuraforge.schema"),
    Layer(
        "azuraforge.store",
        "msgspec azuraforge.schema",
        modules_load="numpy safetensors sqlalchemy alembic psycopg",
        but=("azuraforge.store.migrations",),  # run by Alembic, not imported
    ),
    Layer("azuraforge.actors", modules_load=ACTORS, but=("azuraforge.actors.runtimes.on_ray",)),
    Layer("azuraforge.actors.handles", "msgspec azuraforge.schema"),
    Layer("azuraforge.client", "httpx msgspec azuraforge.schema"),
    Layer(
        "azuraforge.api",
        "litestar msgspec azuraforge.schema azuraforge.actors",
        modules_load="uvicorn",
    ),
    Layer(
        "azuraforge_tui",
        "textual httpx numpy msgspec azuraforge.client azuraforge.schema azuraforge.actors",
    ),
    *(
        Layer(
            f"azuraforge_{plugin.name}",
            "numpy msgspec azuraforge.engine azuraforge.schema azuraforge.plugin",
        )
        for plugin in PLUGINS
    ),
    Layer(
        "azuraforge.chaos",
        modules_load=f"azuraforge.actors {ACTORS} azuraforge.client httpx",  # it reads over HTTP
    ),
    Layer("azuraforge.cli", modules_load=f"azuraforge.actors {ACTORS}"),
]

COMPILING = "compiling kernels for this machine, once: some seconds …\n"  # a kernel's own module

each_layer = pytest.mark.parametrize("layer", LAYERS, ids=str)
however_imported = pytest.mark.parametrize(
    "every_module", [False, True], ids=["the package", "every module"]
)


def test_importing_azuraforge_loads_numpy_and_msgspec_at_most():
    loaded = imported("azuraforge").loaded

    assert guarded(loaded) <= {"numpy", "msgspec"}


@however_imported
@each_layer
def test_a_layer_loads_only_what_is_below_it(layer, every_module):
    loaded = imported(layer.name, every_module=every_module, but=layer.but).loaded

    assert guarded(loaded) <= layer.allowed(every_module=every_module)


@however_imported
@each_layer
def test_importing_a_layer_prints_nothing_and_starts_no_thread(layer, every_module):
    outcome = imported(layer.name, every_module=every_module, but=layer.but)

    assert outcome.printed.replace(COMPILING, "") == ""
    assert outcome.threads == []


@pytest.mark.parametrize("module", ["main", *COMMANDS])
def test_a_command_is_declared_with_the_standard_library_and_errors_alone(module):
    loaded = imported(f"azuraforge.cli.{module}").loaded

    others = {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names}
    own = {name for name in others if f"{name}.".startswith("azuraforge.cli.")}
    assert others - own <= {"azuraforge", "azuraforge.errors"}


@pytest.mark.parametrize("layer", ["azuraforge.api", "azuraforge_tui"])
def test_of_the_actors_the_service_and_the_screens_load_the_handles_alone(layer):
    loaded = imported(layer, every_module=True, but=()).loaded

    actors = {name for name in loaded if name.startswith("azuraforge.actors.")}
    assert actors <= {"azuraforge.actors.handles", "azuraforge.actors.catalogue_handle"}


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_is_found_by_its_entry_point_like_a_stranger(plugin):
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]

    entries = distribution(project["name"]).entry_points.select(group="azuraforge.plugins")

    assert plugin.name in entries.names


class Outcome(NamedTuple):
    loaded: list[str]
    threads: list[str]
    printed: str


PROBE = """
import importlib, json, pkgutil, sys, threading

name, every_module, *but = sys.argv[1:]
before = set(sys.modules)
path = getattr(importlib.import_module(name), "__path__", [])
if every_module == "True":
    for module in pkgutil.walk_packages(path, name + "."):
        if not module.name.endswith("__main__") and not module.name.startswith(tuple(but)):
            importlib.import_module(module.name)
threads = [thread.name for thread in threading.enumerate()][1:]
sys.stderr.write("\\0" + json.dumps([sorted(set(sys.modules) - before), threads]))
"""


@cache
def imported(name: str, *, every_module: bool = False, but: tuple[str, ...] = ()) -> Outcome:
    """What a new interpreter has after importing the module, or it and every module below."""
    command = [sys.executable, "-P", "-c", PROBE, name, str(every_module), *but]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    stderr, _, outcome = process.stderr.rpartition("\0")
    return Outcome(*json.loads(outcome), printed=process.stdout + stderr)


def guarded(loaded: list[str]) -> set[str]:
    return {name for name in GUARDED if name in loaded}
