from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a plugin of this name whose module has this source, for as long as the test."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def install(name: str, source: str) -> None:
        module = f"plugin_{name}_{abs(hash(site))}"  # modules stay in sys.modules between tests
        (site / f"{module}.py").write_text(source)
        metadata = site / f"{module}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text(
            f"[azuraforge.plugins]\n{name} = {module}:plugin\n"
        )

    return install


CONFIG_ONLY = '''
"""A plugin that can be listed and configured; nothing in these tests builds it."""
from typing import Annotated, Literal
from msgspec import Meta
from azuraforge.schema.config import PluginConfig

class Config(PluginConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="a file of rows")]
    width: Annotated[int, Meta(ge=1, le=64, description="units of a layer")] = 8
    shape: Literal["round", "square"] = "round"

class Plugin:
    name, summary, version, config = "toy", "a toy", "1.2", Config

plugin = Plugin()
'''


@pytest.fixture
def toy(install: Install) -> None:
    """A plugin `toy` with a required setting."""
    install("toy", CONFIG_ONLY)


@pytest.fixture
def broken(install: Install) -> None:
    """A plugin `broken` that does not import."""
    install("broken", "import no_such_module")
