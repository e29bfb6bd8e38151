"""The runtime in this process: one thread writes, one trains run after run, one predicts."""

from __future__ import annotations

import os
from concurrent.futures import Future
from pathlib import Path
from typing import cast

from azuraforge.actors.handles import PredictorHandle, RegistryHandle
from azuraforge.actors.predictor import PredictorOnDemand
from azuraforge.actors.registry import Registry
from azuraforge.actors.runtime import Runtime
from azuraforge.actors.training import train_here
from azuraforge.actors.worker import Awaitable, Blocking, Worker
from azuraforge.schema.records import ModelVersion
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import Blobs


class Local(Runtime):
    """Runs and models of a home folder, all work done in this process.

    Raises: HomeError.
    """

    runtime = "local"

    def __init__(self, home: Path) -> None:
        self._blobs = Blobs(home)
        self._core = Registry(home)
        self._writer = Worker("azuraforge-registry")
        self._trainer = Worker("azuraforge-trainer")
        self._predictor = Worker("azuraforge-predictor")
        self.registry = cast(RegistryHandle, Awaitable(self._core, self._writer))
        super().__init__(Blocking(self._core, self._writer))

    def cores(self) -> int:
        return os.cpu_count() or 1

    def train(self, run: str, spec: RunSpec) -> Future[None]:
        return self._trainer.submit(train_here, self.blocking, self._blobs, run, spec)

    def new_predictor(self, version: ModelVersion) -> PredictorHandle:
        predictor = PredictorOnDemand(version, self._blobs)
        return cast(PredictorHandle, Awaitable(predictor, self._predictor))

    def shut_down(self) -> None:
        self._trainer.close()
        self._predictor.close()
        self._writer.close()
        self._core.close()
