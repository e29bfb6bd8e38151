"""What both runtimes share, and `connect`, which picks one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from azuraforge import plugin as plugins
from azuraforge.actors.handles import Handles, PredictorHandle, RegistryHandle
from azuraforge.actors.registry import new_run_id
from azuraforge.actors.resolve import resolve
from azuraforge.actors.tuner import StartTrial, Tuner
from azuraforge.errors import AzuraForgeError, ConfigError, NotFoundError, RefusedError
from azuraforge.schema.events import RunFailed
from azuraforge.schema.records import (
    ENDED,
    ModelVersion,
    PluginInfo,
    PredictReply,
    PredictRequest,
    RunRecord,
    StudyRecord,
)
from azuraforge.schema.specs import RunSpec, StudySpec
from azuraforge.store.home import home as home_folder

RuntimeName = Literal["local", "ray"]


def connect(runtime: RuntimeName | None = None, *, home: Path | None = None) -> Handles:
    """Handles of the runtime asked for; of Ray where it is installed, else of this process.

    `home` is where runs and models are kept: $AZURAFORGE_HOME, else ~/.azuraforge.

    Raises: ConfigError for Ray where it is not installed; HomeError; ServiceError if Ray does not
            start.
    """
    has_ray = find_spec("ray") is not None
    if runtime == "ray" and not has_ray:
        raise ConfigError("runtime 'ray' was asked for, but Ray is not installed; install "
                          "azuraforge[ray], or use --runtime local")  # fmt: skip
    folder = home_folder(home)
    if runtime == "local" or not has_ray:
        from azuraforge.actors.local import Local  # here: a runtime loads only what it needs

        return Local(folder)
    from azuraforge.actors.on_ray import OnRay  # here: importing Ray takes half a second

    return OnRay(folder)


class Runtime:
    """Handles but for how a Trainer and a Predictor are run, which a subclass says."""

    runtime: RuntimeName
    registry: RegistryHandle

    def __init__(self) -> None:
        self._watched: dict[str, asyncio.Task[AzuraForgeError | None]] = {}
        self._predictors: dict[tuple[str, int], PredictorHandle] = {}

    async def train(self, run: str, spec: RunSpec) -> None:
        """Run a Trainer to its end. Raises: what kept its events from the Registry."""
        raise NotImplementedError

    async def new_predictor(self, version: ModelVersion) -> PredictorHandle:
        """Restore a model."""
        raise NotImplementedError

    async def plugins(self) -> list[PluginInfo]:
        """The installed plugins, broken ones with their error."""
        return [await asyncio.to_thread(plugins.describe, name) for name in plugins.names()]

    async def start_run(self, spec: RunSpec) -> RunRecord:
        """Check the spec, write the run down, start a Trainer on it."""
        whole, _, _ = await asyncio.to_thread(resolve, spec)
        cores = os.cpu_count() or 1
        if whole.threads > cores:
            raise ConfigError(
                f"threads: got {whole.threads}; allowed: 1 to {cores}, the cores here"
            )
        record = await self.registry.create_run(whole)
        self._watched[record.id] = asyncio.create_task(self._watch(record.id, whole))
        return record

    async def join(self, run: str) -> RunRecord:
        """Wait until a run started here has ended.

        Raises: NotFoundError for a run not started here; what kept the run from being written.
        """
        if run not in self._watched:
            raise NotFoundError(f"run {run} was not started by this {self.runtime} runtime")
        error = await asyncio.shield(self._watched[run])
        if error is not None:
            raise error
        return await self.registry.run(run)

    async def predict(self, name: str, request: PredictRequest) -> PredictReply:
        """Predict with a registered model; its Predictor is kept for the next call."""
        version = await self.registry.model(name, request.version)
        key = (version.name, version.version)
        if key not in self._predictors:
            self._predictors[key] = await self.new_predictor(version)
        return await self._predictors[key].predict(request)

    async def run_study(
        self, spec: StudySpec, on_change: Callable[[StudyRecord], None] | None = None
    ) -> StudyRecord:
        """Run a study to its end; `on_change` is told of every trial that began or ended."""
        tuner = await asyncio.to_thread(Tuner, spec, new_run_id())
        running: dict[asyncio.Task[RunRecord], int] = {}
        waiting: list[StartTrial] = tuner.start()
        while waiting or running:
            for number, trial in waiting:
                record = await self.start_run(trial)
                tuner.began(number, record.id)
                running[asyncio.create_task(self.join(record.id))] = number
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            waiting = [s for task in done for s in tuner.ended(running.pop(task), task.result())]
            if on_change is not None:
                on_change(tuner.record())
        return tuner.record()

    async def close(self) -> None:
        """Ask the runs started here to stop, and wait for them."""
        for run, task in self._watched.items():
            if not task.done():
                await self._ask_to_stop(run)
        await asyncio.gather(*self._watched.values())

    async def _ask_to_stop(self, run: str) -> None:
        try:
            await self.registry.request_stop(run, "the runtime was closed")
        except RefusedError:
            return  # it ended in the meantime

    async def _watch(self, run: str, spec: RunSpec) -> AzuraForgeError | None:
        """Train; a Trainer that died without a word is given its RunFailed here."""
        try:
            await self.train(run, spec)
            return None
        except AzuraForgeError as error:
            try:
                await self._tell_failed(run, error)
            except AzuraForgeError as second:
                return second  # the Registry cannot be written either: whoever joins is told
            return error

    async def _tell_failed(self, run: str, error: AzuraForgeError) -> None:
        record = await self.registry.run(run)
        if record.state not in ENDED:
            failed = RunFailed(step=record.step, kind=type(error).__name__, error=str(error))
            await self.registry.append(run, record.last_seq + 1, [failed])


def train_here(registry: Any, blobs: Any, run: str, spec: RunSpec) -> None:
    """Run a Trainer to its end in this thread; `registry` answers blocking calls."""
    from azuraforge.actors.publisher import publish  # here: the engine is loaded where one trains
    from azuraforge.actors.trainer import Trainer

    if registry.run(run).state in ENDED:
        return  # stopped while it was queued
    trainer = Trainer(spec, blobs=blobs)
    publish(
        trainer,
        lambda first_seq, events: registry.append(run, first_seq, events),
        lambda telemetry: registry.report(run, telemetry),
    )
