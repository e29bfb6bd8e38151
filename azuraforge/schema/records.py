"""What is known of runs, models, plugins and predictions, as Registry and service tell it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from azuraforge.schema.commands import Request
from azuraforge.schema.config import ConfigField
from azuraforge.schema.events import Event, JournalEntry, Metrics, Telemetry
from azuraforge.schema.specs import RunSpec

RunState = Literal["queued", "running", "paused", "lost", "finished", "failed", "stopped"]
ENDED: frozenset[RunState] = frozenset({"finished", "failed", "stopped"})


class ForkPoint(Struct, frozen=True, kw_only=True):
    """Where a run left another: it repeats it up to `step`, then goes its own way."""

    run: str
    step: int


class RunRecord(Struct, frozen=True, kw_only=True):
    """A run as it stands: folded from its journal, but for who works on it and what it is called.

    `lost` is a run whose Trainer was not heard of in time; another attempt may go on with it.
    """

    id: str
    spec: RunSpec
    state: RunState
    created_at: float  # seconds since 1970, UTC
    started_at: float | None = None
    ended_at: float | None = None
    last_seq: int = 0
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    monitor: str | None = None
    mode: Literal["min", "max"] | None = None
    metrics: Metrics = {}  # the best validation metrics so far
    test: Metrics = {}
    error: str | None = None
    checkpoint: str | None = None  # SHA-256 of the last one
    model: str | None = None
    model_version: int | None = None
    telemetry: Telemetry | None = None
    experiment: str = "default"
    tags: dict[str, str] = {}
    parent: ForkPoint | None = None
    attempt: int = 0  # 0: no Trainer has begun
    chain: str = ""  # of the latest event
    not_exact: list[str] = []  # what differed when somebody resumed it all the same


class Ack(Struct, frozen=True, kw_only=True):
    """The Registry's answer to appended events: what is durable, and what is asked of the run.

    Events up to `durable_seq` survive a power cut; the Trainer's side keeps the others until they
    do. Requests are told until the event that says they took effect is durable.
    """

    durable_seq: int
    requests: list[Request] = []


class Batch(Struct, frozen=True, kw_only=True):
    """Events of one run for its journal, numbered from `first_seq`."""

    run: str
    first_seq: int
    events: list[Event]
    attempt: int | None = None  # None: from who supervises the run, which no attempt fences


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A checkpoint that the journal of a run names."""

    seq: int
    step: int
    epoch: int
    sha256: str
    is_best: bool = False
    is_kept: bool = True  # False: collected, as the run's policy says


class Attempt(Struct, frozen=True, kw_only=True):
    """A Trainer's right to write a run's journal, until a later attempt is given it.

    It repeats what the journal holds after the checkpoint it loads: `known_seq` is the journal's
    last number, `requests` are those to take effect at a given step or not yet done, and
    `journal` the first event and every intervention there was.
    """

    run: str
    number: int
    spec: RunSpec
    known_seq: int
    checkpoints: list[Checkpoint]  # that are kept, newest first
    requests: list[Request]
    journal: list[JournalEntry]
    accepts_differences: bool = False


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A run that was given up: no attempt is left, or none can go on."""

    run: str
    attempt: int
    cause: str
    at: float


class ModelVersion(Struct, frozen=True, kw_only=True):
    """A registered model: what to restore it with, where it came from, how good it was."""

    name: str
    version: int
    run: str
    plugin: str
    config: dict[str, Any]
    weights: str  # SHA-256 of a safetensors blob
    monitor: str
    mode: Literal["min", "max"]
    validation: Metrics
    test: Metrics
    created_at: float
    aliases: list[str] = []


class StopRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks a run to stop; the reason is written into its journal."""

    reason: Annotated[str, Meta(max_length=1000)] = ""


class PredictRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Inputs for a model, in the plugin's own form; `version` is a number or an alias."""

    inputs: list[Any]
    version: str = "champion"


class PredictReply(Struct, frozen=True, kw_only=True):
    """One prediction per input, in the plugin's own form."""

    model: str
    version: int
    predictions: list[dict[str, Any]]


class Health(Struct, frozen=True, kw_only=True):
    """A service that answers, and whose Registry does."""

    status: Literal["ok"]
    version: str
    runtime: str  # local or ray


class PluginInfo(Struct, frozen=True, kw_only=True):
    """A plugin as listed: its fields, or the error that keeps it from being imported."""

    name: str
    version: str = ""
    summary: str = ""
    error: str | None = None
    fields: list[ConfigField] = []
    config_schema: dict[str, Any] = {}  # JSON Schema of the config


class Trial(Struct, frozen=True, kw_only=True):
    """One trial of a study: the values drawn, and how the run with them ended."""

    number: int
    values: dict[str, Any]
    run: str | None = None
    state: RunState = "queued"
    value: float | None = None  # the monitored validation metric of the best model


class StudyRecord(Struct, frozen=True, kw_only=True):
    """A study as it stands."""

    id: str
    trials: list[Trial]
    monitor: str | None = None
    mode: Literal["min", "max"] | None = None
    best: int | None = None  # number of the best trial
