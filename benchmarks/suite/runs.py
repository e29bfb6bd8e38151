"""What runs cost beside their training: journal, readers, Registry, checkpoints."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from azuraforge.actors.connect import connect
from azuraforge.actors.handles import Handles, follow
from azuraforge.actors.publisher import publish
from azuraforge.actors.registry import Registry
from azuraforge.schema.events import Event, JournalEntry, RunStarted, StepFinished, Telemetry
from azuraforge.schema.records import Ack, Batch
from azuraforge.schema.specs import RunSpec

SPEC = RunSpec(plugin="images")
SETTLE_S = 2.0  # of a latency measurement, not counted: actors start, readers catch up


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its quartiles beside its goal: at most `goal`, or at least where `is_least`."""

    name: str
    unit: str
    median: float
    quartiles: tuple[float, float]
    goal: float
    is_least: bool = False
    percentile_99: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool:
        return self.median >= self.goal if self.is_least else self.median <= self.goal


def figure(name: str, unit: str, values: list[float], goal: float, **more: Any) -> Figure:
    """The figure of several values."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(name=name, unit=unit, median=median, quartiles=(low, high), goal=goal, **more)


class Metronome:
    """Stands where a Trainer would: a step's event at every beat, and when each was given."""

    telemetry = Telemetry(step=1, elapsed_s=1.0, samples_per_s=1.0, eta_s=1.0)

    def __init__(self, count: int, interval_s: float) -> None:
        self._count = count
        self._interval_s = interval_s
        self.seq = 0
        self.given_at: list[float] = []

    def ask(self, asked: object) -> None:
        """Nothing is asked of it."""

    def stop(self, reason: str) -> None:
        raise RuntimeError(reason)

    def __iter__(self) -> Iterator[Event]:
        start = time.monotonic()
        for number in range(self._count):
            time.sleep(max(start + number * self._interval_s - time.monotonic(), 0))
            self.seq += 1
            self.given_at.append(time.monotonic())
            yield started() if number == 0 else step(number)


class Source:
    """A process that publishes as a Trainer does."""

    def is_ready(self) -> bool:
        """Whether all is imported: that is no part of what is measured."""
        return _blocking(None) is not None

    def tell(self, registry: Any, run: str, count: int, interval_s: float) -> list[float]:
        """Publish so many steps; when each was given, by a clock that all processes share."""
        blocking = _blocking(registry)
        number = blocking.begin_attempt(run, "benchmark").number
        metronome: Any = Metronome(count, interval_s)

        def append(first_seq: int, events: Any) -> Ack:
            ack: Ack = blocking.append(run, first_seq, events, attempt=number)
            return ack

        publish(metronome, append, lambda told: blocking.report(run, told, attempt=number))
        given_at: list[float] = metronome.given_at
        return given_at


def _blocking(registry: Any) -> Any:
    from azuraforge.actors.on_ray import BlockingRemote  # here: only this row needs Ray

    return BlockingRemote(registry)


def latency(runs: int = 20, rate_hz: float = 50.0, seconds: float = 12.0) -> list[Figure]:
    """From a step in its process to a reader in ours, on Ray, of all runs at once."""
    import ray  # here: only this row needs Ray

    with tempfile.TemporaryDirectory() as home:
        handles = connect("ray", home=Path(home))
        try:
            records = [asyncio.run(handles.registry.create_run(SPEC)).id for _ in range(runs)]
            registry = handles._registry  # type: ignore[attr-defined]
            sources = [ray.remote(Source).options(num_cpus=0).remote() for _ in records]
            assert all(ray.get([source.is_ready.remote() for source in sources]))
            count, interval_s = int(seconds * rate_hz), 1 / rate_hz
            told = [
                source.tell.remote(registry, run, count, interval_s)
                for source, run in zip(sources, records, strict=True)
            ]
            seen = asyncio.run(_seen(handles, records, count))
            given = ray.get(told)
        finally:
            asyncio.run(handles.close())
    skipped = int(SETTLE_S * rate_hz)
    waits = sorted(
        1000 * (at - since)
        for ats, sinces in zip(seen, given, strict=True)
        for at, since in list(zip(ats, sinces, strict=True))[skipped:]
    )
    p99 = waits[int(0.99 * len(waits))]
    name = f"event to reader, Ray, {runs} runs of {rate_hz:g} steps/s"
    return [
        figure(name, "ms", waits, 30.0, percentile_99=p99),
        figure(f"{name}, 99 of 100", "ms", [p99, p99], 80.0),
    ]


async def _seen(handles: Handles, runs: list[str], count: int) -> list[list[float]]:
    async def seen(run: str) -> list[float]:
        at: list[float] = []
        async for item in follow(handles.registry, run):
            if isinstance(item, JournalEntry):
                at.append(time.monotonic())
                if len(at) == count:
                    break
        return at

    return await asyncio.gather(*map(seen, runs))


def acknowledged(groups: int = 20, per_group: int = 50, seconds: float = 5.0) -> Figure:
    """Acknowledged events per second, as 20 runs of 50 steps each sent in one group."""

    def one_round(registry: Registry, runs: list[str], seq: int) -> int:
        batches = [
            Batch(
                run=run,
                first_seq=seq,
                events=[step(n) for n in range(seq - 1, seq - 1 + per_group)],
                attempt=1,
            )
            for run in runs
        ]
        answers = registry.append_many(batches)
        assert all(isinstance(ack, Ack) for ack in answers), answers
        return len(batches) * per_group

    with tempfile.TemporaryDirectory() as home:
        registry = Registry(Path(home))
        runs = [registry.create_run(SPEC).id for _ in range(groups)]
        for run in runs:
            registry.begin_attempt(run, "benchmark")
            registry.append(run, 1, [started()], attempt=1)
        rates, seq, end = [], 2, time.perf_counter() + seconds
        while time.perf_counter() < end:
            begun = time.perf_counter()
            written = one_round(registry, runs, seq)
            rates.append(written / (time.perf_counter() - begun))
            seq += per_group
        registry.close()
    return figure(
        "Registry, acknowledged events in groups", "events/s", rates, 5_000.0, is_least=True
    )


def step(number: int) -> StepFinished:
    """A step's event of the usual size."""
    return StepFinished(
        step=number,
        epoch=1 + number // 1000,
        loss=1 / (1 + number),
        lr=0.001,
        grad_norm=1.5,
        digest=f"{number:016x}",
    )


def started() -> RunStarted:
    """The first event of a run."""
    return RunStarted(
        spec_hash="0" * 64,
        model="images",
        monitor="accuracy",
        mode="max",
        parameters=1000,
        samples={"train": 1000, "validation": 100, "test": 100},
        epochs=10,
        steps=1_000_000,
        threads=1,
    )


ROWS: dict[str, Callable[[], Figure | list[Figure]]] = {
    "latency": latency,
    "acknowledged": acknowledged,
}
