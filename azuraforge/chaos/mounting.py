"""Commands of the system that mount and unmount; one that fails says why."""

from __future__ import annotations

import subprocess


def command(*words: str) -> None:
    """Run the command. Raises: OSError with what it said, if it failed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
