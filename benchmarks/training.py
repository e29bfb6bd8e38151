"""Whole training steps, and inference, beside PyTorch: one JSON object per row and thread count.

python -m benchmarks.training --json --rows lstm --threads 1 2 --modes eager
"""

from __future__ import annotations

import argparse
import gc
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

import azuraforge
from azuraforge.errors import AzuraForgeError, ConfigError
from benchmarks import library
from benchmarks.agreement import STEPS, largest_loss_difference, largest_output_difference
from benchmarks.library import Library
from benchmarks.measure import Pair, measure_pair
from benchmarks.result import MODES, Measured, Mode, Quartiles, Row, Unmeasured
from benchmarks.suite import ROWS
from benchmarks.workload import Side, Workload

EAGER_GOAL = 1 / 1.3
INFERENCE_GOAL = 1.0
SPARE_CORES = 0.2  # how far the CPU's clock may run ahead of threads x wall clock


class ThreadsError(AzuraForgeError):
    """A library used more threads than it was told to."""


@dataclass(frozen=True)
class Effort:
    """How long each row is measured, after how many steps that must agree."""

    budget_s: float
    patience_s: float
    least_blocks: int
    steps: int = STEPS
    block_s: float = 0.02


FULL = Effort(budget_s=3.0, patience_s=12.0, least_blocks=9)
QUICK = Effort(budget_s=0.05, patience_s=0.0, least_blocks=3, steps=2, block_s=0.01)


def results(
    workloads: Sequence[Workload],
    threads: Sequence[int],
    modes: Sequence[Mode],
    effort: Effort = FULL,
    *,
    compiled: bool = False,
) -> Iterator[Row]:
    """A row for each combination, as it is measured; `compiled` adds rows beside torch.compile.

    Raises: ConfigError if PyTorch is not installed.
    """
    ours, peer = library.ours(), library.peer()
    peers = [peer, library.compiled(peer)] if compiled else [peer]
    for count in threads:
        for workload in workloads:
            for mode in modes:
                for other in peers:
                    yield _row(ours, other, workload, mode, count, effort)


def _row(
    ours: Library, peer: Library, workload: Workload, mode: Mode, threads: int, effort: Effort
) -> Row:
    """The row, or why there is none: one that fails does not keep the others from their turn."""

    def unmeasured(why: str, *, is_wrong: bool = False) -> Unmeasured:
        return Unmeasured(
            workload=workload.name,
            threads=threads,
            mode=mode,
            peer=peer.name,
            why=why,
            is_wrong=is_wrong,
        )

    if mode == "replay" and not hasattr(azuraforge, "capture"):
        return unmeasured("no azuraforge.capture yet")
    try:
        difference, pair = _timed(ours, peer, workload, mode, threads, effort)
        check_threads(threads, (ours.threads(), peer.threads()), pair)
    except AzuraForgeError as error:
        return unmeasured(f"{type(error).__name__}: {error}", is_wrong=True)
    except AttributeError as error:
        absent = library.absent_of(ours, error)
        if absent is None:
            raise
        return unmeasured(f"no {absent} yet")
    return measured(workload, threads, mode, peer.name, difference, pair)


def measured(
    workload: Workload, threads: int, mode: Mode, peer: str, difference: float, pair: Pair
) -> Measured:
    """The row of what was measured."""
    return Measured(
        workload=workload.name,
        threads=threads,
        mode=mode,
        ours_ms=_ms(pair.ours_s.median),
        peer=peer,
        peer_ms=_ms(pair.peer_s.median),
        ratio=round(pair.ratio.median, 3),
        cpu_ratio=round(pair.cpu_ratio.median, 3),
        quartiles=Quartiles(
            ours_ms=(_ms(pair.ours_s.low), _ms(pair.ours_s.high)),
            peer_ms=(_ms(pair.peer_s.low), _ms(pair.peer_s.high)),
            ratio=(round(pair.ratio.low, 3), round(pair.ratio.high, 3)),
        ),
        goal=round(goal(workload, mode), 3),
        difference=float(f"{difference:.1e}"),
        cores=(round(pair.ours_cores, 2), round(pair.peer_cores, 2)),
        waited=None if pair.waited is None else round(pair.waited, 3),
        is_disturbed=pair.is_disturbed,
        blocks=pair.blocks,
        tried=pair.tried,
    )


def _timed(
    ours: Library, peer: Library, workload: Workload, mode: Mode, threads: int, effort: Effort
) -> tuple[float, Pair]:
    """The largest difference of both, from the same weights; then their times."""
    gc.collect()
    gc.freeze()  # what is there now, modules first of all, makes each later collection take 0.15 s
    _set_threads(threads, ours, peer)
    theirs = Side(peer, workload)
    mine = Side(ours, workload, library.numpy_state(theirs.model))
    theirs.model = peer.prepare(theirs.model)
    one, two = _calls(mine, mode), _calls(theirs, "eager" if mode == "replay" else mode)
    tolerance = workload.tolerance
    if mode == "inference":
        difference = largest_output_difference(one, two, tolerance=tolerance)
    else:
        difference = largest_loss_difference(one, two, tolerance=tolerance, steps=effort.steps)
    pair = measure_pair(
        one,
        two,
        budget_s=effort.budget_s,
        patience_s=effort.patience_s,
        block_s=effort.block_s,
        least_blocks=effort.least_blocks,
    )
    return difference, pair


def _set_threads(count: int, *libraries: Library) -> None:
    for each in libraries:
        each.set_threads(count)


def _calls(side: Side, mode: Mode) -> Callable[[], Any]:
    if mode == "inference":
        return side.inference()
    if mode == "replay":
        return side.training(azuraforge.capture(side.train_step))
    return side.training()


def goal(workload: Workload, mode: Mode) -> float:
    """The ratio to reach."""
    return {"eager": EAGER_GOAL, "replay": workload.goal, "inference": INFERENCE_GOAL}[mode]


def check_threads(threads: int, told: tuple[int, int], pair: Pair) -> None:
    """Raise ThreadsError if we or the peer were to use more or fewer threads, or did use more."""
    used = pair.ours_cores, pair.peer_cores
    for who, count, cores in zip(("azuraforge", "the peer"), told, used, strict=True):
        if count != threads or cores > threads + SPARE_CORES:
            raise ThreadsError(
                f"{who} was to use {count} threads and kept {cores:.2f} cores busy; "
                f"allowed: {threads}"
            )


def chosen(names: Sequence[str]) -> list[Workload]:
    """The rows of these names, or whose names begin so; all of them for none.

    Raises: ConfigError for a name that is none of a row.
    """
    for name in names:
        if not any(_matches(name, row) for row in ROWS):
            raise ConfigError(f"no row {name!r}; allowed: {', '.join(row.name for row in ROWS)}")
    return [row for row in ROWS if not names or any(_matches(name, row) for name in names)]


def _matches(name: str, row: Workload) -> bool:
    return row.name == name or row.name.startswith(f"{name}-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure, and how thoroughly."""
    parser.add_argument("--quick", action="store_true", help="all rows within 50 s, roughly")
    parser.add_argument(
        "--rows", nargs="+", default=[], metavar="NAME", help="e.g. lstm, gpt-4x128"
    )
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES), metavar="MODE")
    parser.add_argument("--compile", action="store_true", help="beside torch.compile, too: minutes")
    parser.add_argument("--jax", action="store_true", help="beside JAX, too; with one --threads")


def results_of(options: argparse.Namespace) -> Iterator[Row]:
    """The rows that a command line asks for. Raises: ConfigError."""
    effort = QUICK if options.quick else FULL
    workloads = chosen(options.rows)
    rows = results(workloads, options.threads, options.modes, effort, compiled=options.compile)
    if not options.jax:
        return rows
    from benchmarks import beside_jax  # here: it needs this module

    return itertools.chain(rows, beside_jax.results(workloads, options.threads, effort))


def line(row: Row) -> str:
    """The row for people."""
    start = (
        f"{row.workload:<16} {row.threads} thread{'s' if row.threads > 1 else ' '} {row.mode:<9}"
    )
    if isinstance(row, Unmeasured):
        return f"{start} {row.why}"
    low, high = row.quartiles.ratio
    times = f"{row.ours_ms:9.3f} ms, {row.peer} {row.peer_ms:9.3f} ms"
    return f"{start} {times}: {row.ratio:.2f} times faster ({low:.2f} to {high:.2f})"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object per line")
    add_arguments(parser)
    options = parser.parse_args(arguments)
    rows = []
    try:
        for row in results_of(options):
            rows.append(row)
            text = msgspec.json.encode(row).decode() if options.json else line(row)
            print(text, flush=True)
    except ConfigError as error:
        parser.error(str(error))
    return exit_code(rows)


def exit_code(rows: Sequence[Row]) -> int:
    """1 if something is wrong with a row, else 0."""
    return int(any(isinstance(row, Unmeasured) and row.is_wrong for row in rows))


def _ms(seconds: float) -> float:
    return float(f"{1e3 * seconds:.4g}")


if __name__ == "__main__":
    sys.exit(main())
