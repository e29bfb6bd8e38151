"""A service of our own: a child process, known by the URL it prints, ended with us."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from azuraforge.errors import ServiceError
from azuraforge.store.home import home

ANSWER_S = 2.0
START_S = 120.0  # Ray takes four seconds on an idle machine, far more on a busy one
END_S = 20.0  # a running step is finished first
LOG = "serve.log"


def answers(url: str) -> bool:
    """Whether an AzuraForge service says at this URL that it is well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy to loopback
    try:
        with opener.open(f"{url.rstrip('/')}/healthz", timeout=ANSWER_S) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError, http.client.HTTPException):  # nobody, somebody else, or no URL
        return False


@contextmanager
def own_service(runtime: str, folder: Path | None) -> Iterator[str]:
    """The URL of a service that lives as long as the block; its log goes to the home folder.

    Raises: ServiceError if it does not come up, with the last line of its log.
    """
    place = home(folder)
    command = [sys.executable, "-m", "azuraforge", "serve", "--port", "0"]
    with (place / LOG).open("wb") as log:
        child = subprocess.Popen(
            [*command, "--runtime", runtime, "--home", str(place)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the screen is the screen's
        )
    try:
        yield _url_of(child, place / LOG)
    finally:
        _end(child)


def _url_of(child: subprocess.Popen[bytes], log: Path) -> str:
    assert child.stdout is not None
    timer = threading.Timer(START_S, child.kill)  # ends the read below
    timer.start()
    try:
        url = child.stdout.readline().decode().strip()
    finally:
        timer.cancel()
    if not url:
        lines = log.read_text(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"it said nothing within {START_S:.0f} s"
        raise ServiceError(f"the service did not start: {reason}; its log: {log}")
    return url


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.communicate(timeout=END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
