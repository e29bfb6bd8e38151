"""How the time of our training step grows with batch, sequence, width and depth, beside its work.

    python -m benchmarks.scaling --json

A step that is replayed takes t ~ n^a, with the exponent a fitted to the larger half of the sizes:
below them what every step costs, whatever its size, hides how it grows. Beside it stands the
exponent of the floating-point operations (families.py) of the same sizes. One thread, whose CPU
time is read: it does not pass while other processes have the core.
"""

from __future__ import annotations

import argparse
import gc
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

import azuraforge
from benchmarks import library
from benchmarks.families import FAMILIES, Axis, Family
from benchmarks.measure import Clock, measure_alone
from benchmarks.workload import Side, Workload

WARM = 5  # steps: the first is recorded, and the next are compared with the recording
CALLS = 3  # of a size before it is the next one's turn
SWEEP_S = 2.5
HEAD = f"{'model':<6} {'axis':<9} {'sizes':>11} {'ms':>17} {'time':>6} {'work':>6}"


class Growth(Struct, frozen=True, kw_only=True):
    """Steps of a model along an axis; the exponents are of the sizes from `fitted_from` on."""

    model: str
    axis: Axis
    sizes: tuple[int, ...]
    ms: tuple[float, ...]
    operations: tuple[float, ...]
    fitted_from: int
    time_exponent: float
    work_exponent: float


def larger_half(values: Sequence[float]) -> Sequence[float]:
    """The last half of them, or one more."""
    return values[len(values) // 2 :]


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """a of value ~ size^a, by least squares of the logarithms over the larger half of the sizes."""
    x, y = ([math.log(value) for value in larger_half(each)] for each in (sizes, values))
    return statistics.linear_regression(x, y).slope


def growths(
    families: Sequence[Family] = FAMILIES, *, budget_s: float = SWEEP_S, clock: Clock | None = None
) -> Iterator[Growth]:
    """Each model along each of its axes, as it is measured for `budget_s`."""
    library.ours().set_threads(1)
    for family in families:
        for axis, sizes in family.growth.items():
            yield _growth(family, axis, sizes, budget_s, clock or Clock())


def _growth(
    family: Family, axis: Axis, sizes: tuple[int, ...], budget_s: float, clock: Clock
) -> Growth:
    models = [family.fixed.along(axis, size) for size in sizes]
    operations = [family.work(model) for model in models]
    steps = [_replayed(family.workload(model)) for model in models]
    seconds = medians_s(steps, budget_s=budget_s, clock=clock)
    return Growth(
        model=family.name,
        axis=axis,
        sizes=sizes,
        ms=tuple(float(f"{1e3 * each:.4g}") for each in seconds),
        operations=tuple(operations),
        fitted_from=int(larger_half(sizes)[0]),
        time_exponent=round(exponent(sizes, seconds), 3),
        work_exponent=round(exponent(sizes, operations), 3),
    )


def _replayed(workload: Workload) -> Callable[[], Any]:
    side = Side(library.ours(), workload)
    step = side.training(azuraforge.capture(side.train_step))
    for _ in range(WARM):
        step()
    return step


def medians_s(steps: Sequence[Callable[[], Any]], *, budget_s: float, clock: Clock) -> list[float]:
    """Seconds of each, timed in turn: what slows the machine for a while slows all of them."""
    gc.collect()
    gc.freeze()  # as in training.py: what is there makes each later collection slow
    rounds: list[list[float]] = []
    end = clock.wall() + budget_s
    while not rounds or clock.wall() < end:
        rounds.append([measure_alone(step, count=CALLS, clock=clock.cpu) for step in steps])
    return [statistics.median(each) for each in zip(*rounds, strict=True)]


def line(growth: Growth) -> str:
    """The row for people: sizes and times of those that the exponents are of."""
    sizes, ms = growth.sizes, larger_half(growth.ms)
    return (
        f"{growth.model:<6} {growth.axis:<9} {f'{growth.fitted_from}-{sizes[-1]}':>11} "
        f"{f'{ms[0]:.4g}-{ms[-1]:.4g}':>17} "
        f"{growth.time_exponent:>6.2f} {growth.work_exponent:>6.2f}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object per line")
    options = parser.parse_args(arguments)
    if not options.json:
        print(HEAD)
    for growth in growths():
        print(msgspec.json.encode(growth).decode() if options.json else line(growth), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
