"""What the threads of this process do, as Linux tells it."""

from __future__ import annotations

import threading
from pathlib import Path

TASKS = Path("/proc/self/task")


def others_work() -> bool | None:
    """Whether a thread beside the present one runs, or waits for a core; None where untold."""
    own = str(threading.get_native_id())
    states = _read("stat")
    if states is None:
        return None
    return any(
        text.rpartition(")")[2].split()[0] == "R" for task, text in states.items() if task != own
    )


def waited_s() -> float | None:
    """Seconds that threads have wanted a core and had none, all together; None where untold."""
    schedules = _read("schedstat")
    if schedules is None:
        return None
    return sum(int(text.split()[1]) for text in schedules.values()) / 1e9


def _read(name: str) -> dict[str, str] | None:
    """A file of every thread; None where there is none."""
    if not (TASKS / str(threading.get_native_id()) / name).exists():
        return None
    found = {}
    for task in TASKS.iterdir():
        try:
            found[task.name] = (task / name).read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found
