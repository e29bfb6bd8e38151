"""strace on a child: which calls it makes of the system, and other answers to them."""

from __future__ import annotations

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from azuraforge.chaos.child import Child

DISK = ("openat", "mkdir", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename",
        "unlink")  # fmt: skip
CALL = re.compile(r"^(\d+) +(\w+)\(")


class Call(NamedTuple):
    """The `nth` call of this name that a thread made."""

    name: str
    nth: int


@contextmanager
def traced(
    child: Child, log: Path, inject: str = "", calls: tuple[str, ...] = DISK
) -> Iterator[None]:
    """In the block strace looks at the child, each of its calls a line of `log`.

    `inject` is strace's: `fsync:error=EIO:when=3` answers the third one so. The block ends when
    strace does, which is with the child.
    """
    command = ["strace", "-f", "-y", "-o", str(log), "-e", f"trace={','.join(calls)}"]
    command += ["-e", f"inject={inject}"] if inject else []
    command += ["-p", str(child.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None  # a pipe
        try:
            told = tracer.stderr.readline()
            if "attached" not in told:
                raise RuntimeError(f"strace: {told.strip()}{tracer.stderr.read()}")
            yield
        finally:
            if child.exit_status is None:
                tracer.send_signal(signal.SIGINT)  # it detaches: the child goes on
            tracer.stderr.read()


def calls_in(log: Path, about: Path) -> list[Call]:
    """The calls that have to do with this folder, in the order they were made."""
    seen: Counter[str] = Counter()  # strace counts those of each thread
    found = []
    for line in log.read_text(errors="replace").splitlines():
        match = CALL.match(line)
        if match:
            of_thread = f"{match[1]} {match[2]}"
            seen[of_thread] += 1
            if str(about) in line:
                found.append(Call(match[2], seen[of_thread]))
    return found
