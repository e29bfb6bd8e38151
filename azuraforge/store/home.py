"""The home folder: where the database and the blobs of one user lie."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from azuraforge.errors import HomeError, NoRoomError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def home(path: Path | None = None) -> Path:
    """`path`, else $AZURAFORGE_HOME, else ~/.azuraforge; created for its owner alone if need be.

    Raises: HomeError if it cannot be created or written.
    """
    folder = (path or _chosen()).absolute()  # a process started elsewhere must find the same one
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise unusable(folder, OSError(errno.EACCES, "it cannot be written"))
    return folder


def unusable(folder: Path, error: OSError) -> HomeError:
    """The error that says which folder, why, and what to do."""
    reason = error.strerror or str(error)
    if error.errno in NO_ROOM:
        reason = f"no room left ({reason}); nothing half-written was kept"
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        reason = "it is not a folder"
    kind = NoRoomError if error.errno in NO_ROOM else HomeError
    remedy = "free some room or set" if error.errno in NO_ROOM else "set"
    return kind(f"home folder {folder}: {reason}; {remedy} AZURAFORGE_HOME to another folder")


def _chosen() -> Path:
    named = os.environ.get("AZURAFORGE_HOME")
    try:
        return Path(named).expanduser() if named else Path.home() / ".azuraforge"
    except RuntimeError as error:  # a user without an entry in the password file, and no $HOME
        raise HomeError(f"no home folder: {error} Set AZURAFORGE_HOME to a folder.") from error
