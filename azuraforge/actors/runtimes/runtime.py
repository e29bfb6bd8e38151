"""What both runtimes share."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Literal, Self, cast

from azuraforge import plugin as plugins
from azuraforge.actors.commands import check_command
from azuraforge.actors.handles import PredictorHandle, RegistryHandle
from azuraforge.actors.recording.attempts import LEASE_S
from azuraforge.actors.recording.registry import new_run_id
from azuraforge.actors.resolve import resolve
from azuraforge.actors.runtimes.keeper import Keeper
from azuraforge.actors.runtimes.supervisor import TICK_S, Start
from azuraforge.actors.runtimes.worker import CLOSED, result_of
from azuraforge.actors.tuner import StartTrial, Tuner
from azuraforge.errors import ConfigError, FencedError, NotFoundError, RefusedError, RunError
from azuraforge.schema.commands import Command
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
WAKE_S = 1.0  # in which a Ctrl-C is seen at the latest
PATIENCE_S = LEASE_S + 2 * TICK_S  # after which a run that is not lost is plainly in other hands


class Runtime:
    """Handles but for how a Trainer and a Predictor are run, which a subclass says.

    What happens to a run is followed by threads, not by tasks of an event loop: a script may start
    it in one `asyncio.run` and join it in another.
    """

    runtime: RuntimeName
    registry: RegistryHandle

    def __init__(self, blocking: Any, *, adopts: bool) -> None:
        self.blocking = blocking  # the Registry for threads: its methods wait for their results
        self._keeper = Keeper(blocking, self, adopts=adopts)
        self._predictors: OrderedDict[tuple[str, int], PredictorHandle] = OrderedDict()
        self._starting = threading.Lock()
        self._is_closed = False
        atexit.register(self._close)  # a script that forgets to close still ends its runs cleanly

    def cores(self) -> int:
        """The most threads a Trainer can have."""
        raise NotImplementedError

    def train(self, start: Start) -> Future[None]:
        """Run a Trainer to its end in its turn; the future raises what ended it without a word.

        Cancelling the future spares a Trainer that has not begun.
        """
        raise NotImplementedError

    def let_go(self, run: str) -> None:
        """End what is left of the run's Trainer, and free what it holds."""

    def new_predictor(self, version: ModelVersion) -> PredictorHandle:
        """A Predictor, without waiting for it to be restored."""
        raise NotImplementedError

    def shut_down(self) -> None:
        """End what the subclass started; no run is on."""
        raise NotImplementedError

    async def plugins(self) -> list[PluginInfo]:
        """The installed plugins, broken ones with their error."""
        return await asyncio.to_thread(lambda: [plugins.describe(name) for name in plugins.names()])

    async def start_run(
        self,
        spec: RunSpec,
        *,
        experiment: str = "default",
        tags: Mapping[str, str] | None = None,
    ) -> RunRecord:
        """Check the spec, write the run down, start a Trainer on it."""
        # In a thread: whole, even if the caller gives up.
        return await asyncio.to_thread(self._start, spec, experiment, tags)

    async def resume_run(self, run: str, *, accepts_differences: bool = False) -> RunRecord:
        """Go on with a run whose Trainer or whose runtime has died."""
        return await asyncio.to_thread(self._resume, run, accepts_differences)

    async def fork_run(
        self,
        run: str,
        step: int,
        commands: Sequence[Command] = (),
        *,
        tags: Mapping[str, str] | None = None,
        accepts_differences: bool = False,
    ) -> RunRecord:
        """A new run that repeats a run up to a step, and goes its own way from there."""
        return await asyncio.to_thread(self._fork, run, step, commands, tags, accepts_differences)

    async def join(self, run: str) -> RunRecord:
        """Wait until a run started here has ended; one that has ended long ago is told at once.

        Raises: NotFoundError for a run not started here; what kept the run from being written.
        """
        record = await self.registry.run(run)
        kept = self._keeper.runs.get(record.id)
        fenced: FencedError | None = None
        if kept is not None:
            try:
                await _awake(result_of(kept.ended))
            except FencedError as error:
                fenced = error  # in other hands, which may have ended it since
        record = await self.registry.run(record.id)
        if record.state not in ENDED and fenced is not None:
            raise fenced
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

    async def command_run(self, run: str, command: Command) -> RunRecord:
        """Ask something of a run that its plugin allows."""
        record = await self.registry.run(run)
        checked = await asyncio.to_thread(check_command, record.spec, command)
        return await self.registry.command(record.id, checked)

    async def run_study(
        self, spec: StudySpec, on_change: Callable[[StudyRecord], None] | None = None
    ) -> StudyRecord:
        """Run a study to its end; `on_change` is told of every trial that began or ended."""
        tuner = await asyncio.to_thread(Tuner, spec, new_run_id())
        tell = on_change or (lambda study: None)
        await self.registry.create_study(tuner.study, spec)
        trials = {self._begin(start, tuner, tell) for start in tuner.start()}
        try:
            while trials:
                done, trials = await asyncio.wait(trials, return_when=asyncio.FIRST_COMPLETED)
                for number, record in sorted(trial.result() for trial in done):
                    starts = tuner.ended(number, record)
                    await self._keep_trial(tuner, number)
                    tell(tuner.record())
                    trials |= {self._begin(start, tuner, tell) for start in starts}
        finally:
            for trial in trials:  # left early: the runs of this study are nobody's any more
                trial.cancel()
            kept = list(self._keeper.runs.items())
            left = [run for run, one in kept if one.study == tuner.study]
            await asyncio.to_thread(self._keeper.stop, left, "its study was left")
        return tuner.record()

    async def close(self) -> None:
        """Stop the runs started here after their present step, then all that serves them."""
        await asyncio.to_thread(self._close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _start(self, spec: RunSpec, experiment: str, tags: Mapping[str, str] | None) -> RunRecord:
        whole, _, _ = resolve(spec)
        self._check_threads(whole)
        with self._starting:
            self._refuse_closed("start_run")
            record: RunRecord = self.blocking.create_run(whole, experiment=experiment, tags=tags)
            self._keeper.accept(record)
        return record

    def _fork(
        self,
        run: str,
        step: int,
        commands: Sequence[Command],
        tags: Mapping[str, str] | None,
        accepts_differences: bool,
    ) -> RunRecord:
        parent: RunRecord = self.blocking.run(run)
        resolve(parent.spec)
        self._check_threads(parent.spec)
        checked = [check_command(parent.spec, command) for command in commands]
        with self._starting:
            self._refuse_closed("fork_run")
            record: RunRecord = self.blocking.fork(parent.id, step, checked, tags=tags)
            self._keeper.accept(record, accepts_differences=accepts_differences)
        return record

    def _resume(self, run: str, accepts_differences: bool) -> RunRecord:
        record = self._lost(run)
        if not accepts_differences:
            self._check_threads(record.spec)
        with self._starting:
            self._refuse_closed("resume_run")
            if not self._keeper.has(record.id):  # taken up by itself in the meantime
                self._keeper.accept(record, accepts_differences=accepts_differences)
        return record

    def _lost(self, run: str) -> RunRecord:
        """The run, once nobody has been heard of who works on it. Raises: RefusedError."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            record: RunRecord = self.blocking.run(run)
            if record.state in ENDED:
                raise RefusedError(
                    f"run {record.id} has ended ({record.state}); "
                    f"`azuraforge fork {record.id} --at {record.step}` goes on from its last step"
                )
            if record.state == "lost" or self._keeper.has(record.id):
                return record
            if time.monotonic() > give_up_at:
                raise RefusedError(
                    f"run {record.id} is {record.state} elsewhere, and its Trainer is well; "
                    f"`azuraforge runs {record.id} --stop` stops it"
                )
            time.sleep(TICK_S / 4)
            self.blocking.expire()

    def _check_threads(self, spec: RunSpec) -> None:
        cores = self.cores()
        if spec.threads > cores:
            raise ConfigError(f"threads: got {spec.threads}; allowed: 1 to {cores}, the cores here")

    def _refuse_closed(self, what: str) -> None:
        if self._is_closed:
            raise RefusedError(f"{what}: {CLOSED}")

    def _begin(self, start: StartTrial, tuner: Tuner, tell: Tell) -> asyncio.Task[Ended]:
        return asyncio.create_task(self._trial(start, tuner, tell))

    async def _keep_trial(self, tuner: Tuner, number: int) -> None:
        await self.registry.put_trial(tuner.study, tuner.record().trials[number - 1])

    async def _trial(self, start: StartTrial, tuner: Tuner, tell: Tell) -> Ended:
        record = await self.start_run(start.spec)
        tuner.began(start.number, record.id)
        await self._keep_trial(tuner, start.number)
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
            self._keeper.close()
        finally:
            self.shut_down()
            self.registry = cast(RegistryHandle, _Closed())
            self.blocking = _Closed()


class _Closed:
    """Stands where the Registry was."""

    def __getattr__(self, name: str) -> Any:
        raise RefusedError(f"{name}: {CLOSED}")


async def _awake(waiting: Coroutine[Any, Any, None]) -> None:
    """Wait for it, and run a moment every second.

    A signal that comes just before the event loop sleeps is seen by Python when it next runs.
    """
    task = asyncio.ensure_future(waiting)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=WAKE_S)
    finally:
        task.cancel()
    task.result()
