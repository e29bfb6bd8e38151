"""The first step of a process: with no kernel on disk, and with those it needs.

python -m benchmarks.start --rows mlp gpt

Each is a process of its own. The step is recorded, as a Trainer's is, and its time holds all that
is loaded only when it is needed: Numba, compiled kernels.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

import azuraforge
from azuraforge.errors import ConfigError
from benchmarks import library
from benchmarks.machine import ROOT
from benchmarks.measure import Clock
from benchmarks.training import chosen
from benchmarks.workload import Side, Workload

COLD_GOAL_S, WARM_GOAL_S = 15.0, 0.5


class Start(Struct, frozen=True, kw_only=True):
    """Seconds of the first step, and of one that is replayed."""

    first_s: float
    replayed_s: float


def starts(workload: Workload, warm: int) -> Iterator[Start]:
    """The first process, on an empty folder; then others after it, on what it has left."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(1 + warm):
            yield _in_a_process(workload.name, Path(folder))


def _in_a_process(row: str, cache: Path) -> Start:
    command = [sys.executable, "-m", "benchmarks.start", "--here", "--rows", row]
    environment = {**os.environ, "AZURAFORGE_CACHE": str(cache)}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return msgspec.json.decode(done.stdout, type=Start)


def here(workload: Workload, clock: Clock) -> Start:
    """The first step of this very process."""
    side = Side(library.ours(), workload)
    step = side.training(azuraforge.capture(side.train_step))
    times = [clock.wall()]
    for _ in range(4):
        step()
        times.append(clock.wall())
    return Start(
        first_s=round(times[1] - times[0], 3),
        replayed_s=round(times[-1] - times[-2], 4),
    )


def line(workload: Workload, found: Sequence[Start]) -> str:
    """A row for people; of the warm starts the median."""
    cold, *warm = found
    middle = sorted(warm, key=lambda start: start.first_s)[len(warm) // 2]
    return (
        f"{workload.name:<16} cold {cold.first_s:6.2f} s, warm {middle.first_s:5.2f} s "
        f"(a replayed step: {middle.replayed_s:.4f} s)"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--rows", nargs="+", default=[], metavar="NAME", help="e.g. lstm, gpt")
    parser.add_argument("--warm", type=int, default=3, metavar="N", help="warm starts per row")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        rows = chosen(options.rows)
    except ConfigError as error:
        parser.error(str(error))
    if options.here:
        print(msgspec.json.encode(here(rows[0], Clock())).decode())
        return 0
    slow = 0
    for row in rows:
        cold, *warm = found = list(starts(row, options.warm))
        print(line(row, found), flush=True)
        median = sorted(start.first_s for start in warm)[len(warm) // 2]
        slow += cold.first_s > COLD_GOAL_S or median > WARM_GOAL_S
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
