"""Writes a small plugin package that works as it stands: `azuraforge plugins new NAME`."""

from __future__ import annotations

import re
import shutil
import string
import tempfile
from importlib import resources
from pathlib import Path

from azuraforge import plugin
from azuraforge.errors import ConfigError, PluginError, RefusedError

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 50
FILES = {  # where in the package: which template
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    "$package/__init__.py": "plugin.py.in",
    "tests/test_plugin.py": "test_plugin.py.in",
}


def write_plugin(name: str, folder: Path) -> Path:
    """The path of a new package in `folder`, complete or not there at all.

    Raises: ConfigError for a name that cannot be a plugin's; RefusedError if something is there
            already; PluginError if it cannot be written.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise ConfigError(
            f"plugin name {name!r}; allowed: lower-case letters and digits, words joined by "
            f"hyphens, a letter first, {LONGEST} characters at most"
        )
    if name in plugin.names():
        raise RefusedError(f"a plugin named {name!r} is installed already; choose another name")
    target = folder / name
    if target.exists():
        raise RefusedError(f"{target} is there already; choose another name or folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(name, target)
    except OSError as error:
        raise PluginError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target


def _write(name: str, target: Path) -> None:
    words = {
        "name": name,
        "package": f"azuraforge_{name.replace('-', '_')}",
        "distribution": f"azuraforge-{name}",
    }
    templates = resources.files("azuraforge") / "plugin_template"
    begun = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
    try:
        for place, template in FILES.items():
            path = begun / string.Template(place).substitute(words)
            path.parent.mkdir(exist_ok=True)
            text = (templates / template).read_text(encoding="utf-8")
            path.write_text(string.Template(text).substitute(words), encoding="utf-8")
        begun.chmod(target.parent.stat().st_mode & 0o777)  # mkdtemp's is for its owner alone
        begun.rename(target)
    except BaseException:
        shutil.rmtree(begun)
        raise
