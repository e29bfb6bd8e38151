"""The table: our time beside PyTorch's, the goal beside the result.

python -m benchmarks.compare                      measure now
python -m benchmarks.compare --save FILE          and keep it
python -m benchmarks.compare FILE                 the table of a file
python -m benchmarks.compare BEFORE AFTER         what changed
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import geometric_mean

from benchmarks import training
from benchmarks.machine import Machine, present_machine
from benchmarks.result import Measured, Results, Row, Unmeasured

NAME = 16  # width of a workload's name
Key = tuple[str, int, str]  # mode, threads, peer
HEAD = (
    f"{'workload':<{NAME}} {'ours ms':>10} {'peer ms':>10} "
    f"{'ratio':>7} {'quartiles':>15} {'by CPU':>7} {'goal':>6}"
)


def table(rows: Sequence[Row]) -> str:
    """One block per mode, thread count and peer: rows, geometric mean, slowest row."""
    return "\n\n".join(
        "\n".join([_title(key), HEAD, *map(_line, block), *_summary(block)])
        for key, block in _blocks(rows).items()
    )


def changes(before: Sequence[Row], after: Sequence[Row]) -> str:
    """The ratio of each row of both, before and after, and what it was multiplied by."""
    old = {(_key(row), row.workload): row for row in _measured(before)}
    head = f"{'workload':<{NAME}} {'before':>8} {'after':>8} {'change':>8}"
    blocks = []
    for key, block in _blocks(after).items():
        pairs = [
            (old[key, row.workload].ratio, row.ratio, row.workload)
            for row in _measured(block)
            if (key, row.workload) in old
        ]
        if pairs:
            lines = [_change(name, was, now) for was, now, name in pairs]
            was, now = (geometric_mean(each) for each in list(zip(*pairs, strict=True))[:2])
            mean = _change("geometric mean", was, now)
            blocks.append("\n".join([_title(key), head, *lines, mean]))
    return "\n\n".join(blocks) or "the two files have no row in common"


def conditions(machine: Machine) -> str:
    """Where the figures are from, in two lines."""
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    before, after = machine.load
    return (
        f"{machine.cpu}, {machine.cores} cores ({', '.join(machine.flags)}), {machine.system}, "
        f"load {before} before and {after} after\n"
        f"commit {machine.commit}, {machine.date}, Python {machine.python}, {packages}"
    )


def _blocks(rows: Sequence[Row]) -> dict[Key, list[Row]]:
    blocks: dict[Key, list[Row]] = {}
    for row in rows:
        blocks.setdefault(_key(row), []).append(row)
    return blocks


def _key(row: Row) -> Key:
    return row.mode, row.threads, row.peer


def _title(key: Key) -> str:
    mode, threads, peer = key
    return f"{mode}, {threads} thread{'s' if threads > 1 else ''}, beside {peer}"


def _line(row: Row) -> str:
    if isinstance(row, Unmeasured):
        return f"{row.workload:<{NAME}} {'–':>10}  {row.why}"
    low, high = row.quartiles.ratio
    by_cpu = f"{row.cpu_ratio:.2f}" if row.threads == 1 else "–"
    return (
        f"{row.workload:<{NAME}} {row.ours_ms:>10.4g} {row.peer_ms:>10.4g} "
        f"{row.ratio:>7.2f} {f'{low:.2f} to {high:.2f}':>15} {by_cpu:>7} "
        f"{row.goal:>6.2f} {_verdict(row)}"
    ).rstrip()


def _verdict(row: Measured) -> str:
    if row.is_disturbed:
        return f"disturbed: waited {row.waited:.0%}"
    return "" if row.ratio >= row.goal else "below"


def _summary(rows: Sequence[Row]) -> Iterator[str]:
    """What the block comes to; a disturbed row counts for nothing, but by CPU at one thread."""
    found = _measured(rows)
    sound = [row for row in found if not row.is_disturbed]
    if sound:
        slowest = min(sound, key=lambda row: row.ratio)
        yield f"geometric mean {_mean(sound, 'ratio')} of {len(sound)} of {len(rows)} rows"
        yield f"slowest row {slowest.workload}: {slowest.ratio:.2f}"
    elif found:
        yield "geometric mean: none, every row was disturbed"
    if found and found[0].threads == 1:
        yield f"geometric mean by CPU {_mean(found, 'cpu_ratio')} of {len(found)} rows"


def _mean(rows: Sequence[Measured], field: str) -> str:
    return f"{geometric_mean([getattr(row, field) for row in rows]):.2f}"


def _measured(rows: Sequence[Row]) -> list[Measured]:
    return [row for row in rows if isinstance(row, Measured)]


def _change(name: str, was: float, now: float) -> str:
    return f"{name:<{NAME}} {was:>8.2f} {now:>8.2f} {now / was:>7.2f}x"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="results, at most two")
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="where to write a new measurement"
    )
    training.add_arguments(parser)
    options = parser.parse_args(arguments)
    if len(options.files) > 2 or (options.files and options.save):
        parser.error("give one file, or two to compare, or none and --save FILE")
    try:
        files = [Results.read(path) for path in options.files]
        files = files or [_fresh(options)]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for each in files:
        print(conditions(each.machine), end="\n\n")
    rows = [each.rows for each in files]
    print(changes(*rows) if len(rows) == 2 else table(*rows))
    return training.exit_code(rows[-1])


def _fresh(options: argparse.Namespace) -> Results:
    """A new measurement, each row told on stderr as it comes, and saved if that is asked for."""
    load, rows = os.getloadavg()[0], []
    for row in training.results_of(options):
        print(training.line(row), file=sys.stderr, flush=True)
        rows.append(row)
        if options.save:  # each time: a row that ends the run does not take the others with it
            Results(machine=present_machine(load), rows=rows).write(options.save)
    return Results(machine=present_machine(load), rows=rows)


if __name__ == "__main__":
    sys.exit(main())
