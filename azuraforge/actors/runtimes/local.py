"""The runtime in this process: a thread each to write, to read, to train run by run, to predict."""

from __future__ import annotations

import os
from concurrent.futures import Future
from pathlib import Path
from typing import cast

from azuraforge.actors.handles import PredictorHandle, RegistryHandle
from azuraforge.actors.predictor import PredictorOnDemand
from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.runtimes.door import Door
from azuraforge.actors.runtimes.hub import Hub
from azuraforge.actors.runtimes.runtime import Runtime
from azuraforge.actors.runtimes.supervisor import Start
from azuraforge.actors.runtimes.worker import Awaitable, Blocking, Worker
from azuraforge.actors.training.attempt import train_here
from azuraforge.schema.records import ModelVersion
from azuraforge.store.blobs import open_blobs

INTERVAL_S = 0.2  # between appends: a transaction costs the training 0.6 ms of its own CPU time


class Local(Runtime):
    """Runs and models of a home folder, all work done in this process.

    Raises: HomeError.
    """

    runtime = "local"

    def __init__(self, home: Path, *, database: str | None = None, adopts: bool = False) -> None:
        self._blobs = open_blobs(home)
        hub = Hub()
        self._core = Registry(home, hub=hub, database=database)
        self._writer = Worker("azuraforge-registry")
        self._reader = Worker("azuraforge-reader")
        self._trainer = Worker("azuraforge-trainer")
        self._predictor = Worker("azuraforge-predictor")
        writer, reader = (Awaitable(self._core, thread) for thread in (self._writer, self._reader))
        self.registry = cast(RegistryHandle, Door(writer, reader, hub))
        super().__init__(Blocking(self._core, self._writer), adopts=adopts)

    def cores(self) -> int:
        return os.cpu_count() or 1

    def train(self, start: Start) -> Future[None]:
        return self._trainer.submit(
            train_here,
            self.blocking,
            self._blobs,
            start.record.id,
            after=start.after,
            accepts_differences=start.accepts_differences,
            cores=self.cores(),
            interval_s=INTERVAL_S,
        )

    def new_predictor(self, version: ModelVersion) -> PredictorHandle:
        predictor = PredictorOnDemand(version, self._blobs)
        return cast(PredictorHandle, Awaitable(predictor, self._predictor))

    def shut_down(self) -> None:
        self._trainer.close()
        self._predictor.close()
        self._reader.close()
        self._writer.close()
        self._core.close()
