"""How much memory a training step needs at its peak, beside PyTorch: each in a fresh process.

    python -m benchmarks.memory --rows gpt --threads 1 --modes replay

Counted is what the process holds at most during some steps, above what it held before it had the
model: weights, the optimizer's state, gradients, everything in between. Its libraries and their
compiled code, which a first model brought in, and the batches are not counted.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import azuraforge
from azuraforge.errors import ConfigError
from benchmarks import library
from benchmarks.training import chosen
from benchmarks.workload import Side, Workload

Mode = Literal["eager", "replay"]
MODES: tuple[Mode, ...] = ("eager", "replay")
STEPS = 6  # to grow warm in, and as many that are counted
PRECISION = 0.5  # MiB: what Linux rounds its own count by


def peak_mib(workload: Workload, mode: Mode, threads: int, *, is_peer: bool) -> float:
    """What training the row needs at most, measured in a process of its own."""
    arguments = (workload.name, mode, str(threads), "peer" if is_peer else "ours")
    command = (sys.executable, "-m", "benchmarks.memory", "--child", *arguments)
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(found.stdout)


def measure(workload: Workload, mode: Mode, threads: int, *, is_peer: bool) -> float:
    """As `peak_mib`, in this process, which must be new."""
    which = library.peer() if is_peer else library.ours()
    which.set_threads(threads)
    assert len(workload.batches) > 0  # made before anything is counted
    _steps(Side(which, workload), mode)()
    _let_go()
    before = _status_mib("VmRSS")
    steps = _steps(Side(which, workload), mode)
    steps()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    steps()
    return _status_mib("VmHWM") - before


def _steps(side: Side, mode: Mode) -> Callable[[], None]:
    is_ours = side.library.name.startswith("azuraforge")
    wrapped = azuraforge.capture(side.train_step) if mode == "replay" and is_ours else None
    step: Callable[[], Any] = side.training(wrapped)

    def several() -> None:
        for _ in range(STEPS):
            step()

    return several


def _let_go() -> None:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _status_mib(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def line(workload: Workload, mode: Mode, threads: int, ours: float, theirs: float) -> str:
    """The row for people."""
    start = f"{workload.name:<16} {threads} thread{'s' if threads > 1 else ' '} {mode:<7}"
    sizes = f"{ours:8.1f} MiB, torch {theirs:8.1f} MiB"
    if min(ours, theirs) < 4 * PRECISION:
        return f"{start} {sizes}: too little to tell"
    return f"{start} {sizes}: {ours / theirs:.2f} of it"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--rows", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--threads", nargs="+", type=int, default=[1], metavar="N")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES), metavar="MODE")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        name, mode, threads, which = options.child
        print(measure(chosen([name])[0], mode, int(threads), is_peer=which == "peer"))
        return 0
    try:
        workloads = chosen(options.rows)
    except ConfigError as error:
        parser.error(str(error))
    for threads in options.threads:
        for workload in workloads:
            theirs = peak_mib(workload, "eager", threads, is_peer=True)
            for mode in options.modes:
                ours = peak_mib(workload, mode, threads, is_peer=False)
                print(line(workload, mode, threads, ours, theirs), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
