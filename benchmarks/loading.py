"""DataLoader beside plain slicing: epochs of batches, put where a replayed step has them.

    python -m benchmarks.loading

Plain slicing is what one would write without a loader: `x[i : i + size]` in order, `x[order[i : i +
size]]` shuffled by NumPy's own permutation.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from azuraforge.engine.data import DataLoader, TensorDataset
from azuraforge.engine.device import Array
from benchmarks.measure import Pair, measure_pair

GOAL = 0.9
BUDGET_S = 2.0


@dataclass(frozen=True)
class Case:
    """A dataset by the shape of a row, and how it is gone through."""

    rows: int
    shape: tuple[int, ...]
    batch: int
    shuffle: bool

    @property
    def text(self) -> str:
        size = "x".join(map(str, self.shape))
        order = "shuffled" if self.shuffle else "in order"
        return f"{self.rows:,} rows of {size}, batch {self.batch}, {order}"


CASES = tuple(
    Case(rows, shape, batch, shuffle)
    for rows, shape, batch in ((20_000, (64,), 32), (10_000, (784,), 128), (4_000, (3, 32, 32), 32))
    for shuffle in (False, True)
)


def compared(case: Case, *, budget_s: float = BUDGET_S) -> Pair:
    """Epochs by the loader and by slicing; the ratio is of their speeds."""
    x = np.zeros((case.rows, *case.shape), np.float32)
    target = np.zeros(case.rows, np.int64)
    loader = DataLoader(TensorDataset(x, target), case.batch, shuffle=case.shuffle, drop_last=True)
    rng = np.random.default_rng(0)
    to_x, to_target = x[: case.batch].copy(), target[: case.batch].copy()

    def epoch(batches: Callable[[], Iterator[tuple[Array, ...]]]) -> None:
        for some, targets in batches():
            to_x[...] = some
            to_target[...] = targets

    return measure_pair(
        lambda: epoch(lambda: iter(loader)),
        lambda: epoch(lambda: sliced(x, target, case, rng)),
        budget_s=budget_s,
    )


def sliced(
    x: Array, target: Array, case: Case, rng: np.random.Generator
) -> Iterator[tuple[Array, Array]]:
    """An epoch without a loader."""
    order = rng.permutation(case.rows) if case.shuffle else None
    for begin in range(0, case.rows - case.batch + 1, case.batch):
        rows = slice(begin, begin + case.batch)
        if order is None:
            yield x[rows], target[rows]
        else:
            yield x[order[rows]], target[order[rows]]


def main() -> int:
    ratios = []
    for case in CASES:
        pair = compared(case)
        found = pair.ratio
        ratios.append(found.median)
        print(f"{case.text:<48} {found.median:.2f} ({found.low:.2f} to {found.high:.2f})")
    return int(min(ratios) < GOAL)


if __name__ == "__main__":
    sys.exit(main())
