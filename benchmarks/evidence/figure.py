"""What a script leaves behind: published figures and ours, printed, and kept as JSON."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

import azuraforge
from azuraforge.engine.random import Generator
from benchmarks.compare import conditions
from benchmarks.machine import Machine, present_machine

HEAD = f"{'':<28} {'paper':>8} {'ours':>9} {'seconds':>8}"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a paper and ours of the same; the lower, the better."""

    what: str
    published: str  # as printed: its digits say how exact it is
    ours: float
    seconds: float  # to train, and to test

    @property
    def is_reached(self) -> bool:
        """Whether ours, rounded as theirs is, is theirs or better."""
        digits = len(self.published.partition(".")[2])
        return round(self.ours, digits) <= float(self.published)

    def line(self) -> str:
        ours = f"{self.ours:.{len(self.published.partition('.')[2]) + 1}f}"
        verdict = "" if self.is_reached else "above"
        text = f"{self.what:<28} {self.published:>8} {ours:>9} {self.seconds:>8.0f} {verdict}"
        return text.rstrip()


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A results file."""

    source: str
    machine: Machine
    threads: int
    seed: int
    figures: list[Figure]

    def write(self, path: Path) -> None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def arguments(command: str, description: str | None) -> argparse.ArgumentParser:
    """What every script can be told."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.evidence.{command}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="of weights and order (1)")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--save", type=Path, metavar="FILE", help="where to keep the figures")
    return parser


def report(
    source: str, options: argparse.Namespace, figures: Callable[[Generator], Iterable[Figure]]
) -> int:
    """Make the figures, print each as it comes, keep them; 1 if one is not reached."""
    azuraforge.set_threads(options.threads)
    load, made = os.getloadavg()[0], []
    print(f"{source}\n\n{HEAD}", flush=True)
    for figure in figures(Generator(options.seed)):
        made.append(figure)
        print(figure.line(), flush=True)
    machine = present_machine(load)
    print(f"\nseed {options.seed}, {options.threads} thread(s), {conditions(machine)}")
    if options.save:
        Evidence(
            source=source,
            machine=machine,
            threads=options.threads,
            seed=options.seed,
            figures=made,
        ).write(options.save)
    return int(not all(figure.is_reached for figure in made))


def timed(what: str, published: str, make: Callable[[], float]) -> Figure:
    """The figure that `make` gives, and the seconds it took."""
    start = time.perf_counter()
    ours = make()
    seconds = round(time.perf_counter() - start, 1)
    return Figure(what=what, published=published, ours=ours, seconds=seconds)
