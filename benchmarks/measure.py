"""The only timer: two callables timed in turn, A B A B, in one process.

Both are timed in blocks of at least `block_s`, and the ratio is taken of neighbouring blocks, so
that whatever slows the machine slows both. Of these pairs those count in which our threads did not
have to wait for a core, as long as there are enough. Garbage collection is off meanwhile.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import own_threads

QUIET = 0.05  # of a block, all threads together: above it, waiting for a core is part of the time
REST_S = 0.05  # where the system does not say what threads do: longer than any pool spins on
LOOKS = 1000  # of 1 ms: a thread that works longer than that works on purpose


@dataclass(frozen=True)
class Clock:
    """Where seconds come from, and how they are let pass; a test has its own."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    waited: Callable[[], float | None] = own_threads.waited_s
    others_work: Callable[[], bool | None] = own_threads.others_work
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

    `cpu_ratio` is the same of CPU seconds: others hardly change it, but threads that wait for one
    another count as work, so it means something at one thread only. `waited` is the part of the
    time that threads waited for a core, None where the system does not say; `is_disturbed` if too
    few of the `tried` pairs were quiet, so that all of them count.
    """

    ours_s: Spread
    peer_s: Spread
    ratio: Spread
    cpu_ratio: Spread
    ours_cores: float
    peer_cores: float
    waited: float | None
    is_disturbed: bool
    blocks: int
    tried: int


@dataclass(frozen=True)
class Block:
    """Seconds of a block by either clock, and seconds that threads waited for a core in it."""

    calls: int
    wall_s: float
    cpu_s: float
    waited_s: float | None

    @property
    def is_quiet(self) -> bool:
        return self.waited_s is None or self.waited_s <= QUIET * self.wall_s


def measure_pair(
    ours: Callable[[], Any],
    peer: Callable[[], Any],
    *,
    budget_s: float,
    patience_s: float = 0.0,
    block_s: float = 0.02,
    least_blocks: int = 5,
    clock: Clock | None = None,
) -> Pair:
    """Time both in turn until `budget_s` have passed, `least_blocks` of each at the least.

    While fewer of them are quiet, go on for `patience_s` more.
    """
    clock = clock or Clock()
    end = clock.wall() + budget_s
    tried: list[tuple[Block, Block]] = []
    quiet: list[tuple[Block, Block]] = []
    with _no_collection():
        counts = [_calls_per_block(call, block_s, clock) for call in (ours, peer)]
        while (
            len(tried) < least_blocks
            or clock.wall() < end
            or (len(quiet) < least_blocks and clock.wall() < end + patience_s)
        ):
            one, two = (_block(*each, clock) for each in zip((ours, peer), counts, strict=True))
            tried.append((one, two))
            if one.is_quiet and two.is_quiet:
                quiet.append((one, two))
    return _pair(quiet if len(quiet) >= least_blocks else tried, len(tried))


def _pair(blocks: Sequence[tuple[Block, Block]], tried: int) -> Pair:
    mine, theirs = zip(*blocks, strict=True)
    return Pair(
        ours_s=Spread.of([block.wall_s / block.calls for block in mine]),
        peer_s=Spread.of([block.wall_s / block.calls for block in theirs]),
        ratio=Spread.of([b.wall_s / b.calls / (a.wall_s / a.calls) for a, b in blocks]),
        cpu_ratio=Spread.of([b.cpu_s / b.calls / (a.cpu_s / a.calls) for a, b in blocks]),
        ours_cores=_cores(mine),
        peer_cores=_cores(theirs),
        waited=_waited([*mine, *theirs]),
        is_disturbed=not all(block.is_quiet for block in (*mine, *theirs)),
        blocks=len(blocks),
        tried=tried,
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
    while _timed(call, count, clock).wall_s < block_s:
        count *= 2
    return count


def _block(call: Callable[[], Any], count: int, clock: Clock) -> Block:
    """A block after the other's: its threads at rest, and our data back in the caches."""
    _let_rest(clock)
    if count > 1:
        call()
    return _timed(call, count, clock)


def _timed(call: Callable[[], Any], calls: int, clock: Clock) -> Block:
    waited, cpu, wall = clock.waited(), clock.cpu(), clock.wall()
    for _ in range(calls):
        call()
    wall_s, cpu_s = clock.wall() - wall, clock.cpu() - cpu
    after = clock.waited()
    return Block(calls, wall_s, cpu_s, None if after is None or waited is None else after - waited)


def _cores(blocks: Sequence[Block]) -> float:
    """CPU seconds per second of wall clock, over all blocks."""
    return math.fsum(b.cpu_s for b in blocks) / math.fsum(b.wall_s for b in blocks)


def _waited(blocks: Sequence[Block]) -> float | None:
    """The part of the time that threads waited for a core, over all blocks."""
    waits = [block.waited_s for block in blocks if block.waited_s is not None]
    return math.fsum(waits) / math.fsum(b.wall_s for b in blocks) if waits else None


def _let_rest(clock: Clock) -> None:
    """Sleep until no other thread of this process works.

    A pool's threads spin on when their work is done (measured: PyTorch's 10 ms, OpenBLAS's 26 ms)
    and would take a core from what is timed next.
    """
    for _ in range(LOOKS):
        work = clock.others_work()
        if work is None:
            return clock.sleep(REST_S)
        if not work:
            return None
        clock.sleep(0.001)
    raise RuntimeError("measure: another thread of this process works all the time; end it first")


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
