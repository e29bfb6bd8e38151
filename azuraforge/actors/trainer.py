"""The Trainer: a spec in, the numbered events of its run out."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from azuraforge.actors import checkpoint as checkpoints
from azuraforge.actors.checkpoint import Checkpoint
from azuraforge.actors.resolve import resolve, task_generator
from azuraforge.engine.nn import Module
from azuraforge.engine.optim import SGD, Adam, Optimizer
from azuraforge.engine.random import Generator, using
from azuraforge.engine.threads import set_threads
from azuraforge.engine.train import Epoch, Loop, Step
from azuraforge.errors import NonFiniteError
from azuraforge.plugin import Task
from azuraforge.schema.config import OptimizerConfig
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    Metrics,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
    Telemetry,
)
from azuraforge.schema.specs import RunSpec, spec_hash
from azuraforge.store.blobs import BlobStore, MemoryBlobs
from azuraforge.store.tensors import encode

log = logging.getLogger("azuraforge")


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run in this process ended: its best model, and what is known of it."""

    state: Literal["finished", "stopped"]
    model: Module  # with the weights of the best epoch; of the last step where none has ended
    best_epoch: int
    validation: Metrics
    test: Metrics  # empty where the run was stopped
    epochs: list[EpochFinished]


class Trainer:
    """Trains what a spec says; iterate it for the events of the run, in the journal's order.

    `checkpoint` names a blob of an earlier Trainer of the same spec: the events then go on with
    that CheckpointSaved, equal to what the earlier one gave from there on. `seq` is the number of
    the latest event. `clock` (seconds) serves telemetry alone.

    Raises: NotFoundError, PluginError, ConfigError, DeviceError for a spec that cannot be run;
            RefusedError for a checkpoint of another spec.
    """

    def __init__(
        self,
        spec: RunSpec,
        *,
        blobs: BlobStore | None = None,
        checkpoint: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self._plugin, self._config = resolve(spec)
        self._blobs = blobs if blobs is not None else MemoryBlobs()
        self._checkpoint = (
            None if checkpoint is None else checkpoints.load(self._blobs, checkpoint, self.spec)
        )
        self._clock = clock
        self._stop_reason: str | None = None
        self._loop: Loop | None = None
        self._pace: _Pace | None = None
        self.seq = 0

    def stop(self, reason: str) -> None:
        """Ask for an end after the present step; may be called from another thread.

        A run that is asked in its last step finishes.
        """
        self._stop_reason = reason

    def run(self, on_event: Callable[[Event], None] | None = None) -> RunResult:
        """Train to the end in this process. Raises: what the run failed of."""
        events = []
        for event in self:
            events.append(event)
            if on_event is not None:
                on_event(event)
        loop = self._loop
        assert loop is not None  # a run without a loop has raised
        if loop.best_weights:
            loop.model.load_state_dict(loop.best_weights)
        last = events[-1]
        return RunResult(
            state="finished" if isinstance(last, RunFinished) else "stopped",
            model=loop.model,
            best_epoch=loop.best_epoch,
            validation=loop.best_validation,
            test=last.test if isinstance(last, RunFinished) else {},
            epochs=[event for event in events if isinstance(event, EpochFinished)],
        )

    def __iter__(self) -> Iterator[Event]:
        """The events of the run; one that fails ends with RunFailed, then raises its error."""
        events = self._events()
        while True:
            try:
                event = next(events, None)
            except Exception as error:  # a plugin may raise anything; none of it is swallowed
                self.seq += 1
                step = self._loop.step if self._loop else 0
                yield RunFailed(step=step, kind=type(error).__name__, error=str(error))
                raise
            if event is None:
                return
            self.seq += 1
            yield event

    @property
    def telemetry(self) -> Telemetry | None:
        """How the run goes just now; None before its first step, unless there is a note."""
        pace, loop = self._pace, self._loop  # once: the thread that trains puts others there
        note = loop.manner if loop else ""
        if pace is None:
            idle = Telemetry(step=0, elapsed_s=0.0, samples_per_s=0.0, eta_s=0.0, note=note)
            return idle if note else None
        elapsed = max(self._clock() - pace.began, 1e-9)
        return Telemetry(
            step=pace.step,
            elapsed_s=elapsed,
            samples_per_s=pace.rows / elapsed,
            eta_s=(pace.steps - pace.step) * elapsed / pace.done,
            note=note,
        )

    def _events(self) -> Iterator[Event]:
        self.seq, self._pace = 0, None
        set_threads(self.spec.threads)
        task = self._build()
        loop = self._loop = self._new_loop(task)
        if self._checkpoint is None:
            yield self._started(task, loop)
        else:
            yield self._resumed(loop, self._checkpoint)
        yield from self._steps(loop)
        if self._stop_reason is not None and loop.step < loop.steps:
            yield from self._stopped(loop, self._stop_reason)
        else:
            yield self._finished(task, loop)

    def _steps(self, loop: Loop) -> Iterator[Event]:
        """The events up to the last step, or to where a stop that was asked for takes effect."""
        began, first_step, rows, manner = self._clock(), loop.step, 0, ""
        happenings = iter(loop)
        while self._stop_reason is None or loop.step == loop.steps:
            happened = next(happenings, None)
            if happened is None:
                return
            if isinstance(happened, Step):
                rows += happened.rows
                self._pace = _Pace(began, loop.step - first_step, rows, loop.step, loop.steps)
                if loop.manner != manner:
                    manner = loop.manner
                    log.info("step %d: %s", loop.step, manner)
            yield _event_of(happened)
            if isinstance(happened, Epoch):
                yield self._saved(loop)

    def _build(self) -> Task:
        with using(Generator(self.spec.seed).child("init")):
            return self._plugin.build(self._config, task_generator(self.spec))

    def _new_loop(self, task: Task) -> Loop:
        training = self._config.training
        return Loop(
            model=task.model.to(self.spec.device),
            optimizer=_optimizer(self._config.optim, task.model),
            loss=task.loss,
            metrics=task.metrics,
            train=task.train,
            validation=task.validation,
            monitor=task.monitor,
            mode=task.mode,
            epochs=training.epochs,
            batch_size=training.batch_size,
            generator=Generator(self.spec.seed).child("loop"),
            device=self.spec.device,
        )

    def _started(self, task: Task, loop: Loop) -> RunStarted:
        return RunStarted(
            spec_hash=spec_hash(self.spec),
            model=self.spec.model or task.name,
            monitor=task.monitor,
            mode=task.mode,
            parameters=sum(math.prod(p.shape) for p in task.model.parameters()),
            samples={
                "train": len(task.train),
                "validation": len(task.validation),
                "test": len(task.test),
            },
            epochs=loop.epochs,
            steps=loop.steps,
            threads=self.spec.threads,
            unit=task.unit,
        )

    def _saved(self, loop: Loop) -> CheckpointSaved:
        return _checkpoint_event(loop, checkpoints.save(self._blobs, self.spec, self.seq, loop))

    def _resumed(self, loop: Loop, checkpoint: Checkpoint) -> CheckpointSaved:
        self.seq = checkpoint.seq
        loop.load_state_dict(checkpoint.arrays, checkpoint.values)
        return _checkpoint_event(loop, checkpoint.sha256)

    def _stopped(self, loop: Loop, reason: str) -> Iterator[Event]:
        yield Intervened(step=loop.step, command="stop", reason=reason)
        saved = self._saved(loop)
        yield saved
        yield RunStopped(step=loop.step, reason=reason, checkpoint=saved.sha256)

    def _finished(self, task: Task, loop: Loop) -> RunFinished:
        loop.model.load_state_dict(loop.best_weights)
        test = loop.evaluate(task.test)
        metadata = {
            "plugin": self.spec.plugin,
            "plugin_version": self._plugin.version,
            "config": self.spec.config,
            "state": task.state,
        }
        return RunFinished(
            step=loop.step,
            best_epoch=loop.best_epoch,
            validation=_finite(loop.best_validation, "validation"),
            test=_finite(test, "test"),
            weights=self._blobs.put(encode(loop.best_weights, metadata)),
        )


class _Pace(NamedTuple):
    """How far this Trainer has come: steps and rows done since it `began`, step of steps."""

    began: float
    done: int
    rows: int
    step: int
    steps: int


def _checkpoint_event(loop: Loop, sha256: str) -> CheckpointSaved:
    epoch = math.ceil(loop.step / len(loop.loader))
    return CheckpointSaved(step=loop.step, epoch=epoch, sha256=sha256)


def _event_of(happened: Step | Epoch) -> Event:
    if isinstance(happened, Step):
        return StepFinished(
            step=happened.step,
            epoch=happened.epoch,
            loss=happened.loss,
            lr=happened.lr,
            grad_norm=happened.grad_norm,
            metrics=_finite(happened.metrics, f"step {happened.step}"),
        )
    return EpochFinished(
        epoch=happened.epoch,
        step=happened.step,
        train=_finite(happened.train, f"epoch {happened.epoch}, training"),
        validation=_finite(happened.validation, f"epoch {happened.epoch}, validation"),
        is_best=happened.is_best,
    )


def _finite(metrics: Metrics, where: str) -> Metrics:
    """The metrics themselves. Raises: NonFiniteError naming the first that is NaN or Inf."""
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise NonFiniteError(f"{where}: the metric {name!r} is {value}")
    return metrics


def _optimizer(config: OptimizerConfig, model: Module) -> Optimizer:
    settings: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    if config.name == "sgd":
        return SGD(model.parameters(), momentum=config.momentum, **settings)
    return Adam(model.parameters(), **settings)
