"""The command line as it was called, so that commands it prints work when pasted."""

from __future__ import annotations

import shlex
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from azuraforge.cli.options import default_runtime


def command(*words: str, like: Namespace) -> str:
    """A command with the options it shares with this call: the same home, the same runtime."""
    shared: list[str] = []
    if like.home is not None:
        shared += ["--home", str(like.home)]
    if words[0] in ("serve", "tui") and like.runtime != default_runtime():
        shared += ["--runtime", like.runtime]
    return " ".join([program(), shlex.join([*words, *shared])])


def program() -> str:
    """`azuraforge` where the shell would find this very one, else the path it was called by."""
    called = sys.argv[0]
    if Path(called).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m azuraforge"
    found = shutil.which("azuraforge")
    is_found = found is not None and Path(found).resolve() == Path(called).resolve()
    return "azuraforge" if is_found else shlex.quote(called)
