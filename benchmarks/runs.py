"""What runs cost beside their training, and its goals.

python -m benchmarks.runs                        # every row
python -m benchmarks.runs --rows latency --save FILE
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.machine import Machine, present_machine
from benchmarks.suite.runs import ROWS, Figure


class RunResults(msgspec.Struct, frozen=True, kw_only=True):
    """A results file."""

    machine: Machine
    figures: list[Figure]


def line(found: Figure) -> str:
    """The figure for people."""
    low, high = found.quartiles
    sign = "≥" if found.is_least else "≤"
    met = "" if found.is_met else "  MISSED"
    note = f"\n    {found.note}" if found.note else ""
    spread, goal = f"({low:,.4g} to {high:,.4g})", f"{sign} {found.goal:,g}{met}"
    return f"{found.name:<58} {found.median:>10,.4g} {found.unit:<9} {spread:<24} {goal}{note}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runs", description=__doc__)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--save", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    load_before = os.getloadavg()[0]
    figures: list[Figure] = []
    for name in options.rows:
        found = ROWS[name]()
        for one in found if isinstance(found, list) else [found]:
            figures.append(one)
            print(line(one), flush=True)
    if options.save:
        results = RunResults(machine=present_machine(load_before), figures=figures)
        options.save.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
