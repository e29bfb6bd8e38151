"""What both runtimes share."""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from typing import Any, Literal, NamedTuple, Self, cast

from azuraforge import plugin as plugins
from azuraforge.actors.handles import PredictorHandle, RegistryHandle
from azuraforge.actors.registry import new_run_id
from azuraforge.actors.resolve import resolve
from azuraforge.actors.training import Bug
from azuraforge.actors.tuner import StartTrial, Tuner
from azuraforge.actors.worker import CLOSED, Worker, result_of
from azuraforge.errors import (
    AzuraForgeError,
    ConfigError,
    NotFoundError,
    RefusedError,
    RunError,
)
from azuraforge.schema.commands import Command
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

RuntimeName = Literal["local", "ray"]
Tell = Callable[[StudyRecord], None]
Ended = tuple[int, RunRecord]  # a trial's number and how its run ended

MOST_PREDICTORS = 8  # kept ready: on Ray each is a process

log = logging.getLogger("azuraforge")


class Runtime:
    """Handles but for how a Trainer and a Predictor are run, which a subclass says.

    What happens to a run is followed by threads, not by tasks of an event loop: a script may start
    it in one `asyncio.run` and join it in another.
    """

    runtime: RuntimeName
    registry: RegistryHandle

    def __init__(self, blocking: Any) -> None:
        self.blocking = blocking  # the Registry for threads: its methods wait for their results
        self._runs: dict[str, _Run] = {}  # not ended, or in a way that the journal cannot tell
        self._predictors: OrderedDict[tuple[str, int], PredictorHandle] = OrderedDict()
        self._watcher = Worker("azuraforge-watcher")
        self._starting = threading.Lock()
        self._is_closed = False
        atexit.register(self._close)  # a script that forgets to close still ends its runs cleanly

    def cores(self) -> int:
        """The most threads a Trainer can have."""
        raise NotImplementedError

    def train(self, run: str, spec: RunSpec) -> Future[None]:
        """Run a Trainer to its end in its turn; the future raises what ended it without a word.

        Cancelling the future spares a Trainer that has not begun.
        """
        raise NotImplementedError

    def let_go(self, run: str) -> None:
        """Free what the run's Trainer holds; the run has ended."""

    def new_predictor(self, version: ModelVersion) -> PredictorHandle:
        """A Predictor, without waiting for it to be restored."""
        raise NotImplementedError

    def shut_down(self) -> None:
        """End what the subclass started; no run is on."""
        raise NotImplementedError

    async def plugins(self) -> list[PluginInfo]:
        """The installed plugins, broken ones with their error."""
        return await asyncio.to_thread(lambda: [plugins.describe(name) for name in plugins.names()])

    async def start_run(self, spec: RunSpec) -> RunRecord:
        """Check the spec, write the run down, start a Trainer on it."""
        return await asyncio.to_thread(self._start, spec)  # whole, even if the caller gives up

    async def join(self, run: str) -> RunRecord:
        """Wait until a run started here has ended; one that has ended long ago is told at once.

        Raises: NotFoundError for a run not started here; what kept the run from being written.
        """
        record = await self.registry.run(run)
        begun = self._runs.get(record.id)
        if begun is not None:
            await result_of(begun.ended)
        record = await self.registry.run(record.id)
        if record.state not in ENDED:
            raise NotFoundError(
                f"run {record.id} is {record.state}, and was not started by this {self.runtime} "
                "runtime; follow() watches a run from anywhere"
            )
        return record

    async def predict(self, name: str, request: PredictRequest) -> PredictReply:
        """Predict with a registered model; its Predictor is kept for the next call."""
        version = await self.registry.model(name, request.version)
        key = (version.name, version.version)
        if key not in self._predictors:
            self._predictors[key] = self.new_predictor(version)
        self._predictors.move_to_end(key)
        if len(self._predictors) > MOST_PREDICTORS:
            self._predictors.popitem(last=False)
        return await self._predictors[key].predict(request)

    async def run_study(
        self, spec: StudySpec, on_change: Callable[[StudyRecord], None] | None = None
    ) -> StudyRecord:
        """Run a study to its end; `on_change` is told of every trial that began or ended."""
        tuner = await asyncio.to_thread(Tuner, spec, new_run_id())
        tell = on_change or (lambda study: None)
        trials = {self._begin(start, tuner, tell) for start in tuner.start()}
        try:
            while trials:
                done, trials = await asyncio.wait(trials, return_when=asyncio.FIRST_COMPLETED)
                for number, record in sorted(trial.result() for trial in done):
                    starts = tuner.ended(number, record)
                    tell(tuner.record())
                    trials |= {self._begin(start, tuner, tell) for start in starts}
        finally:
            for trial in trials:  # left early: the runs of this study are nobody's any more
                trial.cancel()
            left = [run for run, begun in list(self._runs.items()) if begun.study == tuner.study]
            await asyncio.to_thread(self._stop_all, left, "its study was left")
        return tuner.record()

    async def close(self) -> None:
        """Stop the runs started here after their present step, then all that serves them."""
        await asyncio.to_thread(self._close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _start(self, spec: RunSpec) -> RunRecord:
        whole, _, _ = resolve(spec)
        cores = self.cores()
        if whole.threads > cores:
            raise ConfigError(
                f"threads: got {whole.threads}; allowed: 1 to {cores}, the cores here"
            )
        with self._starting:
            if self._is_closed:
                raise RefusedError(f"start_run: {CLOSED}")
            record: RunRecord = self.blocking.create_run(whole)
            work = self._trained(record.id, whole)
            self._runs[record.id] = _Run(whole.study, work, Future())
        work.add_done_callback(lambda done: self._watcher.submit(self._end, record.id, done))
        return record

    def _trained(self, run: str, spec: RunSpec) -> Future[None]:
        """The Trainer's work; one that cannot even be started has failed at once."""
        try:
            return self.train(run, spec)
        except Exception as error:  # noqa: BLE001  (a cluster that has gone raises anything)
            work: Future[None] = Future()
            work.set_exception(error)
            return work

    def _begin(self, start: StartTrial, tuner: Tuner, tell: Tell) -> asyncio.Task[Ended]:
        return asyncio.create_task(self._trial(start, tuner, tell))

    async def _trial(self, start: StartTrial, tuner: Tuner, tell: Tell) -> Ended:
        record = await self.start_run(start.spec)
        tuner.began(start.number, record.id)
        tell(tuner.record())
        try:
            return start.number, await self.join(record.id)
        except RunError:  # its journal says that it failed: the others go on
            return start.number, await self.registry.run(record.id)

    def _close(self) -> None:
        with self._starting:
            if self._is_closed:
                return
            self._is_closed = True
        atexit.unregister(self._close)
        try:
            self._stop_all(self._runs, "the runtime was closed")
        finally:
            wait([begun.ended for begun in list(self._runs.values())])
            self._watcher.close()
            self.shut_down()
            self.registry = cast(RegistryHandle, _Closed())
            self.blocking = _Closed()

    def _stop_all(self, runs: Iterable[str], reason: str) -> None:
        for run in list(runs):
            begun = self._runs.get(run)
            if begun is not None and not begun.ended.done():
                self._stop(run, begun, reason)

    def _stop(self, run: str, begun: _Run, reason: str) -> None:
        try:
            record = self.blocking.command(run, Command(name="stop", reason=reason))
        except RefusedError:
            return  # it ended in the meantime
        if record.state in ENDED:
            begun.work.cancel()  # it was queued: its Trainer need not begin

    def _end(self, run: str, work: Future[None]) -> None:
        """Let joiners know; a Trainer that died without a word is given its RunFailed first."""
        try:
            self.let_go(run)
            error = None if work.cancelled() else work.exception()
            untold = None if error is None else self._tell(run, error)
        except Exception as second:  # noqa: BLE001  (the Registry fails too: whoever joins is told)
            untold = second
        if untold is None:
            self._runs.pop(run).ended.set_result(None)
        else:
            self._runs[run].ended.set_exception(untold)

    def _tell(self, run: str, error: BaseException) -> Exception | None:
        """Write the error into the journal, unless it holds the end; returns what it cannot say."""
        record = self.blocking.run(run)
        kind, text = type(error).__name__, str(error)
        if isinstance(error, Bug):
            kind, text = error.kind, error.text
            log.error("run %s: a bug in its plugin or in AzuraForge\n%s", run, error.traceback)
        if record.state in ENDED:
            return None
        failed = RunFailed(step=record.step, kind=kind, error=text)
        self.blocking.append(run, record.last_seq + 1, [failed])
        if isinstance(error, AzuraForgeError):
            return error
        return RunError(f"run {run} failed of a bug: {kind}: {text}")


class _Closed:
    """Stands where the Registry was."""

    def __getattr__(self, name: str) -> Any:
        raise RefusedError(f"{name}: {CLOSED}")


class _Run(NamedTuple):
    """A run started here: the Trainer's work, and what its joiners wait for."""

    study: str | None
    work: Future[None]
    ended: Future[None]
