"""Where the time of one of our training steps goes, op by op.

    python -m benchmarks.step_profile gpt-4x128

The profile times every run of an op and every gradient; what is left is the graph, the loss and
Python. It costs some microseconds per op, so the whole is told without it, too. At one thread it
reads the CPU's time, which does not pass while other processes have the core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from azuraforge.engine.ops.implementation import Implementation
from azuraforge.engine.ops.op import Op
from benchmarks import library
from benchmarks.measure import Clock, Ledger, measure_alone
from benchmarks.training import chosen
from benchmarks.workload import Side, Workload

OPTIMIZER = "optimizer"
REST = "rest: graph, gradients' sums, Python"
BACKWARD = " backward"
NAME = 37


@dataclass(frozen=True)
class Line:
    """Milliseconds and calls per step."""

    name: str
    calls: float
    forward_ms: float
    backward_ms: float

    @property
    def total_ms(self) -> float:
        return self.forward_ms + self.backward_ms


@dataclass(frozen=True)
class Profile:
    """A step's lines, the longest first, and its whole time while not profiled."""

    lines: list[Line]
    step_ms: float


def profile(workload: Workload, *, steps: int, clock: Callable[[], float]) -> Profile:
    """Where the time of `steps` training steps went, after as many that are not profiled."""
    side = Side(library.ours(), workload)
    step = side.training()
    step_ms = 1e3 * measure_alone(step, count=steps, clock=clock)
    ledger = Ledger(clock)
    with _watched(ledger, side):
        for _ in range(steps):
            with ledger.entry(REST):
                step()
    return Profile(_lines(ledger, steps), step_ms)


def table(found: Profile) -> str:
    """For people."""
    whole = sum(line.total_ms for line in found.lines)
    head = f"{'ms per step':<{NAME}} {'calls':>6} {'forward':>9} {'backward':>9} {'share':>6}"
    lines = [
        f"{line.name:<{NAME}} {line.calls:>6.4g} {line.forward_ms:>9.3f} "
        f"{line.backward_ms:>9.3f} {line.total_ms / whole:>6.1%}"
        for line in found.lines
    ]
    end = f"{'whole step':<{NAME}} {found.step_ms:>16.3f} ms ({whole:.3f} while profiled)"
    return "\n".join([head, *lines, end])


@contextmanager
def _watched(ledger: Ledger, side: Side) -> Iterator[None]:
    """Within the block, ops, their gradients and the optimizer are timed."""
    run, gradients, update = Op.run, Implementation.input_gradients, side.optimizer.step
    names: dict[Implementation, str] = {}  # an implementation does not know whose it is

    def timed_run(op: Op, inputs: Any, attributes: Any, how: Implementation, *rest: Any) -> Any:
        names[how] = op.name
        with ledger.entry(op.name):
            return run(op, inputs, attributes, how, *rest)

    def timed_gradients(how: Implementation, *arguments: Any) -> Any:
        with ledger.entry(names[how] + BACKWARD):
            return gradients(how, *arguments)

    def timed_update() -> None:
        with ledger.entry(OPTIMIZER):
            update()

    with (
        patch.object(Op, "run", timed_run),
        patch.object(Implementation, "input_gradients", timed_gradients),
        patch.object(side.optimizer, "step", timed_update),
    ):
        yield


def _lines(ledger: Ledger, steps: int) -> list[Line]:
    """Forward and backward of an op on one line, the longest first."""
    spent = {name: 1e3 * seconds / steps for name, seconds in ledger.seconds.items()}
    lines = [
        Line(
            name=name,
            calls=ledger.calls.get(name, 0) / steps,
            forward_ms=spent.get(name, 0.0),
            backward_ms=spent.get(name + BACKWARD, 0.0),
        )
        for name in dict.fromkeys(name.removesuffix(BACKWARD) for name in spent)
    ]
    return sorted(lines, key=lambda line: line.total_ms, reverse=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_profile")
    parser.add_argument("row", metavar="ROW", help="e.g. gpt-4x128")
    parser.add_argument("--steps", type=int, default=20, metavar="N")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    options = parser.parse_args(arguments)
    try:
        workloads = chosen([options.row])
    except ValueError as error:
        parser.error(str(error))
    library.ours().set_threads(options.threads)
    clock = Clock().cpu if options.threads == 1 else Clock().wall
    for workload in workloads:
        print(f"{workload.text}, {options.threads} thread{'s' if options.threads > 1 else ''}")
        print(table(profile(workload, steps=options.steps, clock=clock)), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
