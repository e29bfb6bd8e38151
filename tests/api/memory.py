"""Handles that keep everything in memory: no training, no disk, the same protocol."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from azuraforge.actors.runtimes.hub import Hub
from azuraforge.errors import ConfigError, DataError, FieldProblem, NotFoundError, RefusedError
from azuraforge.schema.commands import Command
from azuraforge.schema.config import ConfigField
from azuraforge.schema.events import (
    Event,
    JournalEntry,
    News,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
    Telemetry,
)
from azuraforge.schema.records import (
    ENDED,
    Ack,
    ModelVersion,
    PluginInfo,
    PredictReply,
    PredictRequest,
    RunRecord,
    StudyRecord,
)
from azuraforge.schema.specs import RunSpec, StudySpec

STATE_AFTER = {RunStarted: "running", RunFinished: "finished", RunStopped: "stopped"}


def step(number: int) -> StepFinished:
    return StepFinished(step=number, epoch=1, loss=1 / number, lr=0.1, grad_norm=1.0)


def finished(at: int) -> RunFinished:
    return RunFinished(step=at, best_epoch=1, validation={"loss": 0.1}, test={}, weights="0" * 64)


class MemoryRegistry:
    """A Registry that forgets everything: journals are lists."""

    def __init__(self) -> None:
        self.records: dict[str, RunRecord] = {}
        self.journals: dict[str, list[JournalEntry]] = {}
        self.versions: list[ModelVersion] = []
        self.hub = Hub()
        self.error: Exception | None = None  # raised by the next calls that read

    def tell(self, run: str, *events: Event) -> None:
        """What a Trainer does."""
        journal = self.journals[run]
        for event in events:
            journal.append(JournalEntry(run=run, seq=len(journal) + 1, event=event))
            state = STATE_AFTER.get(type(event), self.records[run].state)
            self.records[run] = structs.replace(
                self.records[run], state=state, last_seq=len(journal)
            )
        self.hub.publish({run: journal[-len(events) :]})

    async def create_run(self, spec: RunSpec) -> RunRecord:
        id = f"{len(self.records) + 1:04d}-{spec.plugin}"
        self.records[id] = RunRecord(id=id, spec=spec, state="queued", created_at=1.7e9)
        self.journals[id] = []
        return self.records[id]

    async def append(self, run: str, first_seq: int, events: Sequence[Event]) -> Ack:
        known = len(self.journals[run])
        if first_seq > known + 1:
            raise RefusedError(f"run {run}: event {first_seq} after {known}")
        self.tell(run, *events[known + 1 - first_seq :])
        return Ack(durable_seq=len(self.journals[run]))

    async def report(self, run: str, telemetry: Telemetry) -> None:
        self.records[run] = structs.replace(self.records[run], telemetry=telemetry)
        self.hub.report(run, telemetry)

    async def command(self, run: str, command: Command) -> RunRecord:
        record = await self.run(run)
        if record.state in ENDED:
            raise RefusedError(f"run {record.id} is {record.state}; only a run that runs can stop")
        if record.state == "queued" and command.name == "stop":
            self.tell(record.id, RunStopped(step=0, reason=command.reason))
        return self.records[record.id]

    async def run(self, run: str) -> RunRecord:
        if self.error:
            raise self.error
        found = [id for id in self.records if id.startswith(run)]
        if len(found) != 1:
            raise NotFoundError(f"no run {run!r}")
        return self.records[found[0]]

    async def runs(
        self, limit: int = 100, before: str | None = None, **asked: str | None
    ) -> list[RunRecord]:
        self.asked = asked
        if self.error:
            raise self.error
        newest_first = list(reversed(self.records))
        start = newest_first.index(before) + 1 if before else 0
        return [self.records[id] for id in newest_first[start : start + limit]]

    async def events(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        if self.error:
            raise self.error
        return self.journals[(await self.run(run)).id][after : after + limit]

    async def poll(
        self,
        run: str,
        after: int = 0,
        limit: int = 1000,
        timeout_s: float = 10.0,
        telemetries: int = -1,
    ) -> News:
        return await self.hub.poll(run, after, limit, timeout_s, telemetries)

    async def models(self) -> list[ModelVersion]:
        return sorted(self.versions, key=lambda model: (model.name, -model.version))

    async def model(self, name: str, version: str = "champion") -> ModelVersion:
        for model in self.versions:
            if model.name == name and version in (str(model.version), *model.aliases):
                return model
        raise NotFoundError(f"no model {name!r} with version {version!r}")


class MemoryHandles:
    """One plugin, `images`, whose runs do what the test tells the registry."""

    runtime = "local"

    def __init__(self) -> None:
        self.registry = MemoryRegistry()
        self.is_closed = False
        self.commands: list[tuple[str, Command]] = []

    async def plugins(self) -> list[PluginInfo]:
        fields = [ConfigField(path="optim.lr", kind="float", default=0.1, allowed="a number > 0")]
        return [
            PluginInfo(name="images", version="1", summary="classify images", fields=fields),
            PluginInfo(name="broken", error="plugin 'broken' cannot be imported: no module"),
        ]

    async def start_run(self, spec: RunSpec, **labels: object) -> RunRecord:
        self.labels = labels
        if spec.plugin != "images":
            raise NotFoundError(f"no plugin named {spec.plugin!r}; installed: images")
        problems = tuple(
            FieldProblem(path, value, "allowed: a number > 0")
            for path, value in spec.config.items()
            if not (isinstance(value, int | float) and value > 0)
        )
        if problems:
            raise ConfigError("; ".join(map(str, problems)), problems)
        return await self.registry.create_run(spec)

    async def command_run(self, run: str, command: Command) -> RunRecord:
        if command.name == "set" and command.path != "optim.lr":
            raise ConfigError(
                "not live",
                (FieldProblem(command.path, command.value, "what can be set: optim.lr"),),
            )
        self.commands.append((run, command))
        return await self.registry.command(run, command)

    async def predict(self, name: str, request: PredictRequest) -> PredictReply:
        model = await self.registry.model(name, request.version)
        if any(not isinstance(given, list) for given in request.inputs):
            raise DataError("input 0: not an image")
        return PredictReply(
            model=name,
            version=model.version,
            predictions=[{"label": str(len(given))} for given in request.inputs],
        )

    async def run_study(self, spec: StudySpec) -> StudyRecord:
        raise RefusedError("no studies in memory")

    async def close(self) -> None:
        self.is_closed = True
