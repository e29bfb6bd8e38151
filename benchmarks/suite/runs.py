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
import numpy as np

from azuraforge.actors.connect import connect
from azuraforge.actors.handles import Handles, follow
from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.resolve import resolve
from azuraforge.actors.runtimes import local
from azuraforge.actors.training.checkpoint import Saver
from azuraforge.actors.training.digest import digest
from azuraforge.actors.training.loops import new_loop
from azuraforge.actors.training.provenance import provenance
from azuraforge.actors.training.publisher import INTERVAL_S, publish
from azuraforge.actors.training.trainer import Trainer
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.nn import Linear, Sequential
from azuraforge.engine.nn.functional import mse_loss
from azuraforge.engine.train import Step
from azuraforge.plugin import Task
from azuraforge.schema.events import Event, JournalEntry, RunStarted, StepFinished, Telemetry
from azuraforge.schema.metrics import MetricRow
from azuraforge.schema.records import Ack, Batch
from azuraforge.schema.specs import CheckpointPolicy, RunSpec
from azuraforge.store.blobs import Blobs

SPEC = RunSpec(plugin="images")
TRAINED = RunSpec(  # a small transformer; on two slow cores about 50 steps a second
    plugin="text",
    config={
        "data.name": "coriolanus",
        "model.layers": 2,
        "model.width": 64,
        "training.epochs": 1000,
        "training.batch_size": 16,
    },
    checkpoint=CheckpointPolicy(every_epochs=0),
)
WARM_STEPS, BLOCK_STEPS = 30, 25
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
    from azuraforge.actors.runtimes.on_ray import BlockingRemote  # here: only this row needs Ray

    return BlockingRemote(registry)


def latency(runs: int = 20, rate_hz: float = 50.0, seconds: float = 12.0) -> list[Figure]:
    """From a step in its process to a reader in ours, on Ray, of all runs at once."""
    import ray  # here: only this row needs Ray

    with tempfile.TemporaryDirectory() as home:
        handles = connect("ray", home=Path(home))
        try:
            records = [asyncio.run(handles.registry.create_run(SPEC)).id for _ in range(runs)]
            registry = handles._registry  # type: ignore[attr-defined]  # the actor itself
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


def metric_rows(seconds: float = 5.0, per_batch: int = 1000) -> Figure:
    """Rows of metrics per second, as 20 runs log a thousand each."""
    with tempfile.TemporaryDirectory() as home:
        registry = Registry(Path(home))
        runs = [registry.create_run(SPEC).id for _ in range(20)]
        for run in runs:
            registry.begin_attempt(run, "benchmark")
        rates, first, end = [], 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            batch = [
                MetricRow(name="loss", step=first + n, time=1.7e9 + n, value=1 / (1 + n))
                for n in range(per_batch)
            ]
            begun = time.perf_counter()
            for run in runs:
                registry.log_metrics(run, batch, number=first // per_batch + 1)
            rates.append(len(runs) * per_batch / (time.perf_counter() - begun))
            first += per_batch
        registry.close()
    return figure("Registry, rows of metrics", "rows/s", rates, 50_000.0, is_least=True)


class Alternating:
    """A Trainer, of whose steps every other block is kept from the journal; for `publish`.

    The steps are the same in both: what differs is that their events are told. `beside_s` is the
    CPU time of all other threads of the process, with the time that giving the events took: unlike
    the time that passes it is hardly changed by whoever else uses the machine.
    """

    def __init__(self, trainer: Trainer, pairs: int) -> None:
        self._trainer = trainer
        self._pairs = pairs
        self._given_s = 0.0
        self.seq = 0
        self.beside_s: dict[bool, list[float]] = {True: [], False: []}
        self.wall_s: dict[bool, list[float]] = {True: [], False: []}

    @property
    def telemetry(self) -> Telemetry | None:
        return self._trainer.telemetry

    def ask(self, asked: Any) -> None:
        self._trainer.ask(asked)

    def stop(self, reason: str) -> None:
        self._trainer.stop(reason)

    def __iter__(self) -> Iterator[Event]:
        events = iter(self._trainer)
        yield self._told(next(events))
        yield from self._block(events, WARM_STEPS, is_told=True)
        for pair in range(self._pairs):
            for is_told in (pair % 2 == 0, pair % 2 == 1):
                yield from self._block(events, 3, is_told=is_told)  # what waits is written
                beside, wall = self._beside(), time.perf_counter()
                yield from self._block(events, BLOCK_STEPS, is_told=is_told)
                self.wall_s[is_told].append((time.perf_counter() - wall) / BLOCK_STEPS)
                self.beside_s[is_told].append((self._beside() - beside) / BLOCK_STEPS)

    def _beside(self) -> float:
        return time.process_time() - time.thread_time() + self._given_s

    def _block(self, events: Iterator[Event], steps: int, *, is_told: bool) -> Iterator[Event]:
        while steps:
            event = next(events)
            steps -= isinstance(event, StepFinished)
            if is_told:
                begun = time.perf_counter()
                yield self._told(event)
                self._given_s += time.perf_counter() - begun

    def _told(self, event: Event) -> Event:
        self.seq += 1
        return event


def _alternated(registry: Any, run: str, pairs: int, interval_s: float) -> dict[str, list[float]]:
    """Seconds per step told and untold, and of a digest, of a run that is published here."""
    number = registry.begin_attempt(run, "benchmark").number
    trainer = Trainer(TRAINED)
    alternating: Any = Alternating(trainer, pairs)

    def append(first_seq: int, events: Any) -> Ack:
        ack: Ack = registry.append(run, first_seq, events, attempt=number)
        return ack

    publish(
        alternating,
        append,
        lambda told: registry.report(run, told, attempt=number),
        interval_s=interval_s,
    )
    digests = []
    for _ in range(200):
        begun = time.perf_counter()
        digest(trainer.loop.model)
        digests.append(time.perf_counter() - begun)
    return {
        "beside told": alternating.beside_s[True],
        "beside untold": alternating.beside_s[False],
        "told": alternating.wall_s[True],
        "untold": alternating.wall_s[False],
        "digest": digests,
    }


def _costs(where: str, found: dict[str, list[float]], goal: float) -> list[Figure]:
    step_s = statistics.median(found["untold"])
    digest_share = 100 * statistics.median(found["digest"]) / step_s
    note = f"steps of {1000 * step_s:.1f} ms; the digest of each is {digest_share:.2f} % of it"
    passed = zip(found["told"], found["untold"], strict=True)
    beside = zip(found["beside told"], found["beside untold"], strict=True)
    by_time = [100 * (told / untold - 1) + digest_share for told, untold in passed]
    by_cpu = [100 * (told - untold) / step_s + digest_share for told, untold in beside]
    name = f"journal of a training, {where}"
    return [
        figure(f"{name}, CPU time", "%", by_cpu, goal, note=note),
        figure(f"{name}, time that passed", "%", by_time, goal, note=note),
    ]


def journal_local(pairs: int = 30) -> list[Figure]:
    """What the journal costs a training in its process."""
    with tempfile.TemporaryDirectory() as home:
        handles = local.Local(Path(home))
        try:
            run = handles.blocking.create_run(TRAINED).id
            found = _alternated(handles.blocking, run, pairs, local.INTERVAL_S)
        finally:
            asyncio.run(handles.close())
    return _costs("in process", found, 1.0)


class Trained:
    """A process that trains, and is told by."""

    def alternate(self, registry: Any, run: str, pairs: int) -> dict[str, list[float]]:
        return _alternated(_blocking(registry), run, pairs, INTERVAL_S)


def journal_ray(pairs: int = 30) -> list[Figure]:
    """What the journal costs a training in a Trainer's process on Ray."""
    import ray  # here: only the rows of Ray need it

    with tempfile.TemporaryDirectory() as home:
        handles = connect("ray", home=Path(home))
        try:
            run = asyncio.run(handles.registry.create_run(TRAINED)).id
            registry = handles._registry  # type: ignore[attr-defined]  # the actor itself
            trained = ray.remote(Trained).options(num_cpus=1).remote()
            found = ray.get(trained.alternate.remote(registry, run, pairs))
        finally:
            asyncio.run(handles.close())
    return _costs("on Ray", found, 2.0)


def checkpoint(saves: int = 20, steps_between: int = 15) -> Figure:
    """How long a training stands still for a checkpoint of 100 MB."""
    _, plugin, config = resolve(TRAINED)  # of which only how long it trains matters
    loop = new_loop(SPEC, config, _large_task())
    stalls: list[float] = []
    with tempfile.TemporaryDirectory() as home:
        here = provenance(plugin, _large_task(), 1)
        saver = Saver(Blobs(Path(home)), SPEC, here, beside=True)
        steps = (happened for happened in loop if isinstance(happened, Step))
        next(steps)
        saver.prepare(loop)  # as a Trainer does after its first step
        for number in range(saves + 1):
            for _ in range(steps_between):
                next(steps)
            begun = time.perf_counter()
            written = saver.save(loop, number, {})
            stalls.append(1000 * (time.perf_counter() - begun))
            while not written.done():
                next(steps)
        arrays, _ = loop.state_dict()
    size_mb = sum(array.nbytes for array in arrays.values()) / 1e6
    first, *later = stalls
    note = f"{size_mb:.0f} MB; the first, which takes its memory, {first:.0f} ms"
    return figure("checkpoint, stall of training", "ms", later, 20.0, note=note)


def _large_task() -> Task:
    """A model whose weights and moments are 100 MB."""
    width, rows = 2048, 4096
    x = np.zeros((rows, width), np.float32)
    part = TensorDataset(x, x)
    layers = [Linear(width, width), Linear(width, width)]
    return Task(
        name="large",
        model=Sequential(*layers),
        train=part,
        validation=TensorDataset(x[:8], x[:8]),
        test=TensorDataset(x[:8], x[:8]),
        loss=mse_loss,
        metrics=lambda outputs, rows: {},
        monitor="loss",
        mode="min",
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
    "journal-local": journal_local,
    "journal-ray": journal_ray,
    "acknowledged": acknowledged,
    "metrics": metric_rows,
    "checkpoint": checkpoint,
}
