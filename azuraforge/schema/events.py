"""What happened: the events of a run's journal, and the telemetry beside it.

Events hold nothing that depends on the clock or the machine's speed: the same spec, seed and
interventions give the same events. Wall-clock facts travel as Telemetry. A new field needs a
default; unknown fields are ignored, so an old reader can follow a new writer.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from azuraforge.schema.provenance import Provenance

Metrics = dict[str, float]  # NaN and Inf never appear: a run fails before it would report one


class _Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    pass


class RunStarted(_Event, frozen=True, tag="run-started"):
    """The task is built; nothing is trained yet."""

    spec_hash: str
    model: str  # the name the best model is registered under
    monitor: str  # the validation metric that decides which model is best
    mode: Literal["min", "max"]
    parameters: int
    samples: dict[str, int]  # train, validation, test
    epochs: int
    steps: int  # in the whole run
    threads: int
    unit: str = "samples"  # what the plugin calls its rows in progress lines: "images"
    provenance: Provenance | None = None  # None: written by a version that did not tell


class StepFinished(_Event, frozen=True, tag="step"):
    """One optimizer step: `step` counts from 1 over the whole run, `epoch` from 1.

    `digest` is a checksum of all parameters and buffers after it: two runs that part show it there.
    """

    step: int
    epoch: int
    loss: float
    lr: float
    grad_norm: float
    metrics: Metrics = {}
    digest: str = ""


class LayerStatistics(_Event, frozen=True, tag="layers"):
    """Per parameter, on request: mean and deviation, norms of its gradient and of its update."""

    step: int
    layers: dict[str, Metrics]


class ValidationFinished(_Event, frozen=True, tag="validation"):
    """The validation metrics within an epoch, where the config asks for them."""

    step: int
    epoch: int
    validation: Metrics
    is_best: bool


class EpochFinished(_Event, frozen=True, tag="epoch"):
    """An epoch with its means over the training batches and its validation metrics."""

    epoch: int
    step: int
    train: Metrics
    validation: Metrics
    is_best: bool


class CheckpointSaved(_Event, frozen=True, tag="checkpoint"):
    """Everything an exact resume needs is durable, as the blob of this name."""

    step: int
    epoch: int
    sha256: str


class Intervened(_Event, frozen=True, tag="intervention", omit_defaults=True):
    """The run was changed between two steps: `command` took effect after `step`.

    Somebody's command carries the `request` it was; `rollback` and `early-stop` are the Trainer's
    own. `refused` says why it had no effect.
    """

    step: int
    command: Literal[
        "pause", "resume", "step", "stop", "checkpoint", "set", "rollback", "early-stop"
    ]
    path: str = ""  # set: the setting
    value: Any = None  # set: its new value; step: how many; rollback: the step gone back to
    reason: str = ""
    request: int | None = None
    refused: str = ""


class RunFinished(_Event, frozen=True, tag="finished"):
    """Trained to the end; the best model is durable as the blob `weights`."""

    step: int
    best_epoch: int
    validation: Metrics  # of the best model
    test: Metrics  # of the best model, on rows no decision was made with
    weights: str
    digest: str = ""  # SHA-256 of all that the run was at its end: a checkpoint's, unwritten


class RunFailed(_Event, frozen=True, tag="failed"):
    """The run cannot go on: `kind` is the class of the error, `error` its message."""

    step: int
    kind: str
    error: str


class RunStopped(_Event, frozen=True, tag="stopped"):
    """Stopped on request; the last checkpoint is kept."""

    step: int
    reason: str
    checkpoint: str | None = None


Event = (
    RunStarted
    | StepFinished
    | LayerStatistics
    | ValidationFinished
    | EpochFinished
    | CheckpointSaved
    | Intervened
    | RunFinished
    | RunFailed
    | RunStopped
)
LAST_EVENTS = (RunFinished, RunFailed, RunStopped)


class JournalEntry(Struct, frozen=True, kw_only=True):
    """An event with its place: `seq` counts from 1 without a gap within the run."""

    run: str
    seq: int
    event: Event
    chain: str = ""  # SHA-256 over the chain before it and this event: equal chains, equal journals


class Gap(Struct, frozen=True, kw_only=True):
    """To a reader that was too slow: entries from `first` to `last` left the memory of the hub.

    They follow, read from the store.
    """

    run: str
    first: int
    last: int


class Telemetry(Struct, frozen=True, kw_only=True):
    """Wall-clock facts about a run, outside the journal: the latest replaces the one before."""

    step: int
    elapsed_s: float
    samples_per_s: float  # 0 before the first step
    eta_s: float
    note: str = ""  # how steps are done just now, and why: replayed, eager, compiling first
    cpu_percent: float = 0.0  # of the Trainer's process; 100 is one core
    memory_bytes: int = 0  # resident, of the Trainer's process
    gpu_memory_bytes: int = 0
    log: list[str] = []  # lines logged since the last report


class News(Struct, frozen=True, kw_only=True):
    """What a hub has for a reader at once; false where that is nothing: the store may know more.

    `telemetry` is there if it is another one than the reader's, who says by the number
    `telemetries` which that is.
    """

    gap: Gap | None = None  # before the entries
    entries: list[JournalEntry] = []
    telemetry: Telemetry | None = None
    telemetries: int = -1  # -1: of a hub that has not heard of the run

    def __bool__(self) -> bool:
        return bool(self.entries) or self.telemetry is not None
