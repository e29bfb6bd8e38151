"""A service of a row's own, and runs on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from azuraforge.chaos.plugin import installed
from azuraforge.chaos.row import Case


def served(case: Case, home: Path) -> str:
    """The URL of a service on this home that lives as long as the case."""
    path = os.pathsep.join([str(installed(case.folder)), *sys.path])
    command = [sys.executable, "-m", "azuraforge", "serve", "--port", "0", "--runtime", "local"]
    log = case.undo.enter_context((case.folder / "serve.log").open("wb"))
    service = subprocess.Popen(
        [*command, "--home", str(home)],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,  # Ctrl-C is the command's: it ends the service
    )
    case.undo.callback(_end, service)
    assert service.stdout is not None  # a pipe
    url = service.stdout.readline().strip()
    if not url:
        raise OSError(f"no service: {(case.folder / 'serve.log').read_text()[-500:]}")
    return url


def _end(service: subprocess.Popen[str]) -> None:
    service.kill()
    service.communicate()
