"""The protocols through which the service, the command line and scripts see the actors.

The same protocols stand in front of objects in this process (local.py) and of Ray actors
(on_ray.py); whoever holds a handle cannot tell which. Errors of the tree in errors.py come through
unchanged in both.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Protocol, Self

from azuraforge.actors.catalogue_handle import CatalogueHandle
from azuraforge.errors import AzuraForgeError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import LAST_EVENTS, Event, JournalEntry, News, Telemetry
from azuraforge.schema.records import (
    ENDED,
    Ack,
    Attempt,
    Batch,
    Checkpoint,
    DeadLetter,
    ForkPoint,
    ModelVersion,
    PluginInfo,
    PredictReply,
    PredictRequest,
    RunRecord,
    RunState,
    StudyRecord,
)
from azuraforge.schema.specs import RunSpec, StudySpec

PAGE = 1000  # entries read from the store at once
LOOK_S = (0.1, 2.0)  # how long to wait for the hub before the store is looked at; at most


class RegistryHandle(CatalogueHandle, Protocol):
    """The one writer of runs, journals and models."""

    async def create_run(
        self,
        spec: RunSpec,
        *,
        parent: ForkPoint | None = None,
        requests: Sequence[Request] = (),
        experiment: str = "default",
        tags: Mapping[str, str] | None = None,
    ) -> RunRecord:
        """Write down a new run in state `queued`; the requests are numbered anew, in order."""
        ...

    async def fork(
        self,
        run: str,
        step: int,
        commands: Sequence[Command] = (),
        *,
        tags: Mapping[str, str] | None = None,
    ) -> RunRecord:
        """A new run that is the given one up to the step, where the commands take effect.

        It has the tags of the given one, and these.

        Raises: NotFoundError; RefusedError for a step that the run has not done.
        """
        ...

    async def begin_attempt(
        self, run: str, holder: str, *, accepts_differences: bool = False
    ) -> Attempt:
        """Give the run's journal to a new Trainer, at `holder`; earlier ones can write no more.

        Raises: NotFoundError; RefusedError if the run has ended.
        """
        ...

    async def append(
        self, run: str, first_seq: int, events: Sequence[Event], *, attempt: int | None = None
    ) -> Ack:
        """Append events numbered from `first_seq`; those already known are dropped.

        Raises: NotFoundError; FencedError for an attempt after which another was given;
            RefusedError for a gap in the numbers or a run that has ended.
        """
        ...

    async def append_many(self, batches: Sequence[Batch]) -> list[Ack | AzuraForgeError]:
        """Append each batch, all of them in one transaction; an answer for each."""
        ...

    async def report(self, run: str, telemetry: Telemetry, *, attempt: int | None = None) -> None:
        """Replace the run's telemetry."""
        ...

    async def command(self, run: str, command: Command) -> RunRecord:
        """Ask something of a run; one that has no Trainer stops at once, others between two steps.

        Raises: NotFoundError; RefusedError if it has ended.
        """
        ...

    async def expire(self) -> list[RunRecord]:
        """Note which runs have lost their Trainer: those not heard of for as long as a lease."""
        ...

    async def lose(self, run: str, cause: str, *, attempt: int) -> RunRecord:
        """Note at once that an attempt is over, for who knows that its Trainer is dead."""
        ...

    async def give_up(self, run: str, cause: str) -> DeadLetter:
        """End a run as failed, since no attempt can go on with it; it becomes a dead letter.

        Raises: NotFoundError; RefusedError if it has ended.
        """
        ...

    async def dead_letters(self) -> list[DeadLetter]:
        """The runs that were given up, the latest first."""
        ...

    async def accept_differences(
        self, run: str, found: Sequence[str], *, attempt: int
    ) -> RunRecord:
        """Mark the run as not exact: it goes on although this differs from where it began."""
        ...

    async def run(self, run: str) -> RunRecord:
        """The run of this id, or of the only id that begins so. Raises: NotFoundError."""
        ...

    async def runs(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        state: RunState | None = None,
        experiment: str | None = None,
        tag: str | None = None,
        param: str | None = None,
    ) -> list[RunRecord]:
        """Runs, newest first; `before` (an id) continues a list.

        `tag` is `key` or `key=value`, `param` a value of the config: `optim.lr=0.1`.
        """
        ...

    async def events(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        """Journal entries with seq > after, in order. Raises: NotFoundError."""
        ...

    async def poll(
        self,
        run: str,
        after: int = 0,
        limit: int = 1000,
        timeout_s: float = 10.0,
        telemetries: int = -1,
    ) -> News:
        """What the hub was told of a run (its whole id) after the entry `after`, once it is there.

        Empty News: nothing came, or the hub knows less than the store, which is to be read then.
        """
        ...

    async def checkpoints(self, run: str) -> list[Checkpoint]:
        """The checkpoints that the run's journal names, newest first. Raises: NotFoundError."""
        ...

    async def requests(self, run: str) -> list[Request]:
        """What is asked of the run and has not taken effect. Raises: NotFoundError."""
        ...

    async def models(self) -> list[ModelVersion]:
        """Every version of every model, by name, newest version first."""
        ...

    async def model(self, name: str, version: str = "champion") -> ModelVersion:
        """A version by number or alias. Raises: NotFoundError."""
        ...

    async def referenced(self) -> set[str]:
        """The SHA-256 of every blob that anything here refers to; others may be collected."""
        ...

    async def superseded(self) -> list[str]:
        """The blobs of checkpoints that no run keeps any more, and nothing else refers to."""
        ...


class PredictorHandle(Protocol):
    """A model restored and ready to answer."""

    async def predict(self, request: PredictRequest) -> PredictReply:
        """Raises: DataError naming the input that does not fit."""
        ...


class Handles(Protocol):
    """A runtime with its actors: what `azuraforge.connect()` returns."""

    @property
    def runtime(self) -> str:
        """`local` or `ray`."""
        ...

    @property
    def registry(self) -> RegistryHandle: ...

    async def plugins(self) -> list[PluginInfo]:
        """The installed plugins, broken ones with their error."""
        ...

    async def start_run(
        self,
        spec: RunSpec,
        *,
        experiment: str = "default",
        tags: Mapping[str, str] | None = None,
    ) -> RunRecord:
        """Check the spec against its plugin, write the run down, start a Trainer on it.

        Experiment and tags are what runs are found by; no bit of the run depends on them.

        Raises: NotFoundError (plugin), ConfigError, DeviceError.
        """
        ...

    async def resume_run(self, run: str, *, accepts_differences: bool = False) -> RunRecord:
        """Go on with a run whose Trainer or whose runtime has died, from its last checkpoint.

        Waits until their silence has lasted as long as a lease. A run whose code, data or machine
        is not what it was goes on only if the difference is accepted; it is marked `not_exact`.

        Raises: NotFoundError; RefusedError if it has ended, or somebody works on it.
        """
        ...

    async def fork_run(
        self,
        run: str,
        step: int,
        commands: Sequence[Command] = (),
        *,
        tags: Mapping[str, str] | None = None,
        accepts_differences: bool = False,
    ) -> RunRecord:
        """A new run that repeats a run up to a step, where the commands take effect, and goes on.

        Raises: NotFoundError; ConfigError for a setting that is not live, or a value it cannot
                have; RefusedError for a step that the run has not done.
        """
        ...

    async def join(self, run: str) -> RunRecord:
        """Wait until a run started by this runtime has ended; an ended one is told at once.

        Raises: NotFoundError for a run that is on and was not started here; what kept the run from
                being written down (a full disk), or ended it without a word (a killed Trainer).
        """
        ...

    async def predict(self, name: str, request: PredictRequest) -> PredictReply:
        """Predict with a registered model; its Predictor is kept for the next call."""
        ...

    async def command_run(self, run: str, command: Command) -> RunRecord:
        """Ask something of a run that its plugin allows; it takes effect between two steps.

        Raises: NotFoundError; ConfigError for a setting that is not live, or a value it cannot
                have; RefusedError if the run has ended.
        """
        ...

    async def run_study(
        self, spec: StudySpec, on_change: Callable[[StudyRecord], None] | None = None
    ) -> StudyRecord:
        """Run a study to its end; `on_change` is told of every trial that began or ended."""
        ...

    async def close(self) -> None:
        """Stop what this runtime started: runs first, after their present step."""
        ...

    async def __aenter__(self) -> Self:
        """`async with connect() as handles:` closes them at the end of the block."""
        ...

    async def __aexit__(self, *_: object) -> None: ...


async def follow(
    registry: RegistryHandle, run: str, after: int = 0
) -> AsyncGenerator[JournalEntry | Telemetry, None]:
    """The run's journal from `after` on as it grows, telemetry between; ends with its last event.

    What lies behind is read from the store, what happens now comes from the hub. Another process
    that writes the run does not tell our hub: then the store is looked at, the less often the
    longer nothing happens.

    Raises: NotFoundError.
    """
    run = (await registry.run(run)).id
    told: Telemetry | None = None
    telemetries, pause_s = -1, LOOK_S[0]
    while True:
        entries = await registry.events(run, after, PAGE)
        while entries:
            pause_s = LOOK_S[0]
            for entry in entries:
                after = entry.seq
                yield entry
                if isinstance(entry.event, LAST_EVENTS):
                    return
            is_more = len(entries) == PAGE  # less: the hub has what is new since
            entries = await registry.events(run, after, PAGE) if is_more else []
        record = await registry.run(run)
        if record.telemetry is not None and record.telemetry != told:
            told = record.telemetry
            yield told
        if record.state in ENDED and record.last_seq <= after:
            return  # followed from its end on, or given up, which no event says
        while news := await registry.poll(run, after, timeout_s=pause_s, telemetries=telemetries):
            telemetries, pause_s = news.telemetries, LOOK_S[1]
            if news.telemetry is not None and news.telemetry != told:
                told = news.telemetry
                yield told
            if news.gap is not None:
                break  # the store has those, and what follows them
            for entry in news.entries:
                after = entry.seq
                yield entry
                if isinstance(entry.event, LAST_EVENTS):
                    return
        else:
            pause_s = min(2 * pause_s, LOOK_S[1])
