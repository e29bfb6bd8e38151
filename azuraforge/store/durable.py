"""Files that survive a power cut once they are there, and are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, pieces: Iterable[memoryview], *, prefix: str) -> None:
    """The whole file durable under its name, or nothing: written beside it, then renamed.

    Beside it its name begins with `prefix`. The folder is the caller's to sync.
    """
    descriptor, name = tempfile.mkstemp(prefix=prefix, dir=path.parent)
    try:
        try:
            for rest in pieces:
                while rest:  # one write may take less than it was given, and still succeed
                    rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(name, path)
    except BaseException:  # Ctrl-C as well
        os.unlink(name)
        raise


def make_folder(folder: Path) -> None:
    """The folder and those above it, each durable in its parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Let what was renamed or made in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
