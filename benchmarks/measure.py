"""The only timer: two callables timed in turn, A B A B, in one process.

Both are timed in blocks of at least `block_s`, and the ratio is taken of neighbouring blocks, so
that whatever else slows the machine slows both. Garbage collection is off meanwhile.
"""

from __future__ import annotations

import gc
import math
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import cpu_seconds

TASKS = Path("/proc/self/task")
REST_S = 0.05  # where the system does not say what threads do: longer than any pool spins on
WORK_UNTIL_REST = 200  # looks of 1 ms; a thread that works longer than that works on purpose


@dataclass(frozen=True)
class Clock:
    """Where seconds come from, and how they are let pass; a test has its own."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    whole_machine: Callable[[], float | None] = cpu_seconds
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Spread:
    """The median of several values, and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass(frozen=True)
class Pair:
    """Seconds per call of each, peer / ours of neighbouring blocks, and cores each kept busy.

    `cpu_ratio` is the same of CPU seconds: what others do hardly changes it, but threads that wait
    for one another count as work, so it means something at one thread only.
    """

    ours_s: Spread
    peer_s: Spread
    ratio: Spread
    cpu_ratio: Spread
    ours_cores: float
    peer_cores: float
    other_cores: float | None  # by other processes meanwhile; None: the system does not say
    blocks: int


@dataclass(frozen=True)
class Block:
    """One block: wall and CPU seconds per call."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Moment:
    """What the clocks show."""

    wall: float
    cpu: float
    whole_machine: float | None

    @classmethod
    def of(cls, clock: Clock) -> Moment:
        return cls(clock.wall(), clock.cpu(), clock.whole_machine())


def measure_pair(
    ours: Callable[[], Any],
    peer: Callable[[], Any],
    *,
    budget_s: float,
    block_s: float = 0.02,
    least_blocks: int = 5,
    clock: Clock | None = None,
) -> Pair:
    """Time both in turn until `budget_s` have passed, `least_blocks` of each at the least."""
    clock = clock or Clock()
    start = Moment.of(clock)
    end = start.wall + budget_s
    with _no_collection():
        counts = [_calls_per_block(call, block_s, clock) for call in (ours, peer)]
        blocks: list[tuple[Block, Block]] = []
        while len(blocks) < least_blocks or clock.wall() < end:
            one, two = (_block(*each, clock) for each in zip((ours, peer), counts, strict=True))
            blocks.append((one, two))
    mine, theirs = zip(*blocks, strict=True)
    return Pair(
        ours_s=Spread.of([block.wall_s for block in mine]),
        peer_s=Spread.of([block.wall_s for block in theirs]),
        ratio=Spread.of([two.wall_s / one.wall_s for one, two in blocks]),
        cpu_ratio=Spread.of([two.cpu_s / one.cpu_s for one, two in blocks]),
        ours_cores=_cores(mine),
        peer_cores=_cores(theirs),
        other_cores=_others(start, Moment.of(clock)),
        blocks=len(blocks),
    )


def measure_alone(call: Callable[[], Any], *, count: int, clock: Callable[[], float]) -> float:
    """Seconds per call: the median of `count` calls, after one that is not counted."""
    call()
    times = []
    with _no_collection():
        for _ in range(count):
            start = clock()
            call()
            times.append(clock() - start)
    return statistics.median(times)


class Ledger:
    """Seconds and calls by name; what is timed inside something else is taken off that."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._clock = clock
        self._inner_s = [0.0]  # of each open entry, the time of the entries within it

    @contextmanager
    def entry(self, name: str) -> Iterator[None]:
        """Within the block, time goes to `name`."""
        self._inner_s.append(0.0)
        start = self._clock()
        try:
            yield
        finally:
            whole = self._clock() - start
            own = whole - self._inner_s.pop()
            self._inner_s[-1] += whole
            self.seconds[name] = self.seconds.get(name, 0.0) + own
            self.calls[name] = self.calls.get(name, 0) + 1


def _calls_per_block(call: Callable[[], Any], block_s: float, clock: Clock) -> int:
    """How many calls take `block_s`, found by doubling: the warm-up, too."""
    call()
    count = 1
    while _timed(call, count, clock).wall_s * count < block_s:
        count *= 2
    return count


def _block(call: Callable[[], Any], count: int, clock: Clock) -> Block:
    """A block after the other's: its threads at rest, and our data back in the caches."""
    _let_rest(clock)
    if count > 1:
        call()
    return _timed(call, count, clock)


def _timed(call: Callable[[], Any], count: int, clock: Clock) -> Block:
    cpu, wall = clock.cpu(), clock.wall()
    for _ in range(count):
        call()
    return Block((clock.wall() - wall) / count, (clock.cpu() - cpu) / count)


def _cores(blocks: Sequence[Block]) -> float:
    """CPU seconds per second of wall clock, over all blocks."""
    return math.fsum(b.cpu_s for b in blocks) / math.fsum(b.wall_s for b in blocks)


def _others(start: Moment, end: Moment) -> float | None:
    """How many cores other processes kept busy."""
    if start.whole_machine is None or end.whole_machine is None:
        return None
    used = end.whole_machine - start.whole_machine - (end.cpu - start.cpu)
    return max(0.0, used / (end.wall - start.wall))


def _let_rest(clock: Clock) -> None:
    """Sleep until no other thread of this process works.

    A pool's threads spin on when their work is done (measured: PyTorch's 10 ms, OpenBLAS's 26 ms)
    and would take a core from what is timed next.
    """
    if not TASKS.exists():
        clock.sleep(REST_S)
        return
    for _ in range(WORK_UNTIL_REST):
        if not _others_work():
            return
        clock.sleep(0.001)
    raise RuntimeError("measure: another thread of this process works all the time; end it first")


def _others_work() -> bool:
    """Whether a thread of this process other than the present one runs, or waits for a core."""
    own = str(threading.get_native_id())
    for task in TASKS.iterdir():
        if task.name != own:
            try:
                state = (task / "stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
            if state == "R":
                return True
    return False


@contextmanager
def _no_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
