"""The runtime in this process: one thread writes, one trains, one run after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from azuraforge.actors.handles import PredictorHandle, RegistryHandle
from azuraforge.actors.predictor import Predictor
from azuraforge.actors.registry import Registry
from azuraforge.actors.runtime import Runtime, train_here
from azuraforge.schema.records import ModelVersion
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import Blobs


class Local(Runtime):
    """Runs and models of a home folder, all work done in this process."""

    runtime = "local"

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._blobs = Blobs(home)
        self._writer = ThreadPoolExecutor(1, "azuraforge-registry")
        self._trainer = ThreadPoolExecutor(1, "azuraforge-trainer")
        self._core = self._writer.submit(Registry, home).result()
        self.registry = cast(RegistryHandle, InThread(self._core, self._writer))

    async def train(self, run: str, spec: RunSpec) -> None:
        blocking = Blocking(self._core, self._writer)
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._trainer, train_here, blocking, self._blobs, run, spec)
        await asyncio.shield(work)  # a watcher that goes away does not take the run with it

    async def new_predictor(self, version: ModelVersion) -> PredictorHandle:
        predictor = await asyncio.to_thread(Predictor, version, self._blobs)
        return cast(PredictorHandle, InThread(predictor, None))

    async def close(self) -> None:
        await super().close()
        self._trainer.shutdown()
        self._writer.submit(self._core.close).result()
        self._writer.shutdown()


class InThread:
    """An object's methods as coroutines, run in an executor's threads (None: the loop's)."""

    def __init__(self, target: object, executor: ThreadPoolExecutor | None) -> None:
        self._target = target
        self._executor = executor

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, lambda: method(*args, **kwargs))

        return call


class Blocking:
    """An object's methods, run in an executor's thread while the caller waits."""

    def __init__(self, target: object, executor: ThreadPoolExecutor) -> None:
        self._target = target
        self._executor = executor

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)
        return lambda *args, **kwargs: self._executor.submit(method, *args, **kwargs).result()
