"""What the screens need of a service: `azuraforge.client.Client` has it, so has a replay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from azuraforge.schema.commands import Command
from azuraforge.schema.events import JournalEntry, Telemetry
from azuraforge.schema.records import ModelVersion, PluginInfo, RunRecord
from azuraforge.schema.specs import RunSpec


class EventSource(Protocol):
    """Where the events of a run come from."""

    def follow(self, run: str, after: int = 0) -> AsyncIterator[JournalEntry | Telemetry]:
        """The run's journal from `after` on as it grows, telemetry between; ends with its last.

        Raises: NotFoundError; ServiceError where the service does not answer.
        """
        ...


class Service(EventSource, Protocol):
    """All that the screens ask. Raises: ServiceError where the service does not answer."""

    async def health(self) -> object: ...

    async def plugins(self) -> list[PluginInfo]:
        """The installed plugins, broken ones with their error."""
        ...

    async def start_run(self, spec: RunSpec) -> RunRecord:
        """Raises: ConfigError with the fields at fault; NotFoundError; DeviceError."""
        ...

    async def runs(self) -> list[RunRecord]:
        """Runs, newest first."""
        ...

    async def run(self, run: str) -> RunRecord:
        """Raises: NotFoundError."""
        ...

    async def stop(self, run: str, reason: str) -> RunRecord:
        """Ask a run to stop after its present step. Raises: NotFoundError; RefusedError."""
        ...

    async def command(self, run: str, command: Command) -> RunRecord:
        """Ask something of a run. Raises: NotFoundError; ConfigError; RefusedError."""
        ...

    async def models(self) -> list[ModelVersion]: ...
