"""The runtime on Ray; the only importer of it.

One Registry actor per home (sync and single-threaded: only those keep the order of calls), one hub
(asynchronous: what is told waits there for the processes that have readers), one Trainer actor per
run, one Predictor actor per model version. The store is read by the process that wants to know.
Where no cluster is given, one is started on this machine: with token authentication, no dashboard,
a bounded object store.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from azuraforge.actors.handles import PredictorHandle, RegistryHandle
from azuraforge.actors.predictor import PredictorOnDemand
from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.runtimes.door import READS, Door
from azuraforge.actors.runtimes.grouping import GroupingRegistry
from azuraforge.actors.runtimes.hub import Hub
from azuraforge.actors.runtimes.keeper import TrainerLostError
from azuraforge.actors.runtimes.relay import Copied, Copy, Log, Telling
from azuraforge.actors.runtimes.runtime import Runtime
from azuraforge.actors.runtimes.supervisor import Start
from azuraforge.actors.runtimes.worker import Awaitable, Worker, result_of
from azuraforge.actors.training.attempt import train_here
from azuraforge.errors import DeviceError, ServiceError
from azuraforge.schema.events import JournalEntry, Telemetry
from azuraforge.schema.records import ModelVersion
from azuraforge.store.blobs import open_blobs
from azuraforge.store.open import database_url

NAMESPACE = "azuraforge"
OBJECT_STORE_BYTES = 300 * 1024 * 1024  # models and data travel as blobs, not as Ray objects
PROBE_S = 5.0
MOST_COPIES = 10_000  # of the hub's log, each for all readers of a process
GATHER_S = 0.01  # in which appended events gather for one commit
RETRIES = 10  # of calls that may safely be made twice, while a lost actor is started anew
IDEMPOTENT = READS | frozenset(
    """
    append append_many report expire lose accept_differences log_metrics tag untag poll predict
    """.split()
)

# Ray reads these when it is imported: so that comes after them. What the user has set stays.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")
if "RAY_ADDRESS" in os.environ:  # 20 tries at one that is silent take ten minutes
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it prints a FutureWarning
# What is lost is told by errors of ours; Ray would print a paragraph on standard output besides.
os.environ.setdefault(
    "RAY_DEDUP_LOGS_SKIP_REGEX",
    r"^A worker died or was killed while executing|^Task .* failed\. There are .* retries",
)

import ray  # noqa: E402  (after what it reads)
from ray.exceptions import (  # noqa: E402  (the same)
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

DEATHS = (RayActorError, WorkerCrashedError, OutOfMemoryError, NodeDiedError)


class OnRay(Runtime):
    """Runs and models of a home folder, the work done by Ray actors.

    The runtime that started the cluster ends it.

    Raises: HomeError; ServiceError if no cluster can be reached or started.
    """

    runtime = "ray"

    def __init__(self, home: Path, *, database: str | None = None, adopts: bool = False) -> None:
        url = database_url(database)  # of this process: the actors' is that of the cluster
        self._store = Registry(home, database=url)  # unusable: told here, before Ray takes seconds
        self._home = home
        self._trainers: dict[str, Any] = {}
        self._owns_cluster = _join_or_start(home)
        self._hub = _detached(_LogActor, "hub", home, max_concurrency=MOST_COPIES).remote()
        self._registry = _detached(_RegistryActor, "registry", home).remote(home, self._hub, url)
        self._reader = Worker("azuraforge-reader")
        reader = Awaitable(self._store, self._reader)
        self._asking = _Asking(self._hub)
        self._copy = Copy(self._asking, Hub())
        door = Door(Remote(self._registry), reader, self._copy)
        self.registry = cast(RegistryHandle, door)
        super().__init__(BlockingRemote(self._registry), adopts=adopts)

    def cores(self) -> int:
        """The most of one machine: a Trainer is not spread over several."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return int(max((node.get("CPU", 0) for node in nodes), default=0))

    def train(self, start: Start) -> Future[None]:
        run, spec = start.record.id, start.record.spec
        if spec.device == "cuda" and not ray.cluster_resources().get("GPU"):
            raise DeviceError("device 'cuda' was asked for, but no node of the Ray cluster has one")
        cores = self.cores()
        needs = {
            "num_cpus": min(spec.threads, cores) if start.accepts_differences else spec.threads,
            "num_gpus": int(spec.device == "cuda"),
            "memory": spec.resources.memory_mb * 2**20,
        }
        trainer = self._trainers[run] = ray.remote(_TrainerActor).options(**needs).remote()
        work: Future[None] = Future()
        terms = {"after": start.after, "accepts_differences": start.accepts_differences}
        called = trainer.train.remote(
            self._registry, self._home, run, cores=cores, **terms
        ).future()
        called.add_done_callback(lambda done: _settle(work, done.exception()))
        return work

    def let_go(self, run: str) -> None:
        """End the Trainer's process; it holds cores until its handle is collected, or queues."""
        trainer = self._trainers.pop(run, None)
        if trainer is not None:
            ray.kill(trainer)

    def new_predictor(self, version: ModelVersion) -> PredictorHandle:
        predictor = ray.remote(PredictorOnDemand).options(num_cpus=0, max_restarts=-1)
        return cast(PredictorHandle, Remote(predictor.remote(version, open_blobs(self._home))))

    def shut_down(self) -> None:
        self._copy.close(self._asking.wake)
        self._reader.close()
        self._store.close()
        if self._owns_cluster:
            ray.shutdown()


class Remote:
    """An actor's methods as coroutines; errors of ours come through as themselves."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return await result_of(_called(self._actor, name, args, kwargs).future())
            except RayError as error:
                raise _cause(error) from error

        return call


class BlockingRemote:
    """An actor's methods, the caller waiting for each."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return ray.get(_called(self._actor, name, args, kwargs))
            except RayError as error:
                raise _cause(error) from error

        return call


class _LogActor(Log):
    """The hub between processes: started anew, it is another log."""

    def __init__(self) -> None:
        super().__init__(first=time.time_ns())


class _Asking:
    """Waits for what the hub has behind a place, unless it is woken."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._asked: Any = None

    def __call__(self, place: int | None) -> Copied:
        self._asked = self._hub.after.remote(place)
        try:
            copied: Copied = ray.get(self._asked)
        except RayError as error:
            raise ServiceError(f"the hub does not answer: {_reason(error)}") from error
        return copied

    def wake(self) -> None:
        """End the wait with an error."""
        if self._asked is not None:
            ray.cancel(self._asked)


class _Push:
    """The hub as the Registry's actor sees it: it is told, and not waited for."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._telemetry: dict[str, Telemetry] = {}

    def publish(self, entries: Mapping[str, Sequence[JournalEntry]]) -> None:
        """Tell entries, and the telemetry that waits."""
        told = {run: list(new) for run, new in entries.items()}
        telling = Telling(entries=told, telemetry=self._telemetry)
        self._telemetry = {}
        self._hub.tell.remote(telling.encoded())

    def report(self, run: str, telemetry: Telemetry) -> None:
        """Tell a run's telemetry soon."""
        self._telemetry[run] = telemetry

    def flush(self) -> None:
        """Tell the telemetry that waits."""
        if self._telemetry:
            self.publish({})


class _RegistryActor(GroupingRegistry):
    """Commits what was appended milliseconds ago, by a call to itself behind those that wait."""

    def __init__(self, home: Path, hub: Any, database: str | None) -> None:
        self._push = _Push(hub)
        self._has_taken = threading.Event()
        super().__init__(home, schedule=self._has_taken.set, hub=self._push, database=database)
        threading.Thread(target=self._call_soon, name="azuraforge-commit", daemon=True).start()

    def commit(self) -> None:
        """Make durable what was taken, and tell of it."""
        super().commit()
        self._push.flush()

    def _call_soon(self) -> None:
        this = ray.get_runtime_context().current_actor
        while self._has_taken.wait():
            time.sleep(GATHER_S)
            self._has_taken.clear()
            this.commit.remote()


class _TrainerActor:
    """A process of its own for one run."""

    def train(self, registry: Any, home: Path, run: str, **terms: Any) -> None:
        train_here(BlockingRemote(registry), open_blobs(home), run, **terms)


def _detached(kind: type, name: str, home: Path, **more: Any) -> Any:
    """An actor of this kind, one per home, which outlives whoever started it."""
    name = f"{name}-{hashlib.sha256(str(home).encode()).hexdigest()[:16]}"
    return ray.remote(kind).options(
        name=name,
        namespace=NAMESPACE,
        get_if_exists=True,
        lifetime="detached",
        num_cpus=0,
        max_restarts=-1,
        **more,
    )


def _called(actor: Any, name: str, args: Any, kwargs: Any) -> Any:
    """The reference to the result of a call of an actor's method."""
    retries = RETRIES if name in IDEMPOTENT else 0
    return getattr(actor, name).options(max_task_retries=retries).remote(*args, **kwargs)


def _settle(work: Future[None], error: BaseException | None) -> None:
    """End a run's work as its Trainer's call ended."""
    if not work.set_running_or_notify_cancel():
        return
    if isinstance(error, DEATHS):
        error = TrainerLostError(_reason(error))
    elif isinstance(error, RayError):
        error = _cause(error)
    if error is None:
        work.set_result(None)
    else:
        work.set_exception(error)


def _cause(error: RayError) -> Exception:
    """The error inside Ray's; whatever is wrong with actors or the cluster is a ServiceError."""
    cause = getattr(error, "cause", None)
    if isinstance(error, RayTaskError) and isinstance(cause, Exception):
        return cause
    return ServiceError(f"a Ray actor did not answer: {_reason(error)}")


def _reason(error: RayError) -> str:
    """The last line, which of Ray's many says most, without its list of possible causes."""
    return str(error).strip().splitlines()[-1].partition(" Some common causes")[0].strip()


def _join_or_start(home: Path) -> bool:
    """Be connected to a cluster; whether it was started here, and ends with this process."""
    if ray.is_initialized():
        return False
    address = os.environ.get("RAY_ADDRESS")
    settings = {
        "namespace": NAMESPACE,
        "logging_level": logging.WARNING,
        "log_to_driver": False,  # what actors print would stand among the driver's own output
    }
    try:
        if address:
            _probe(address)
            ray.init(address=address, **settings)
        else:
            with _secret(home):
                ray.init(
                    address="local",
                    num_cpus=os.cpu_count(),
                    object_store_memory=OBJECT_STORE_BYTES,
                    include_dashboard=False,
                    **settings,
                )
    except (ConnectionError, RuntimeError, OSError, ValueError) as error:
        where = f"RAY_ADDRESS={address}" if address else "a local cluster"
        raise ServiceError(
            f"Ray cannot be reached or started ({where}): {error}; `azuraforge doctor` tells more, "
            "--runtime local does without"
        ) from error
    return not address


def _probe(address: str) -> None:
    """Try the port, since Ray itself tries a dead one for minutes. Raises: OSError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():  # else it is `auto`, which Ray looks up in its own files
        socket.create_connection((host, int(port)), timeout=PROBE_S).close()


@contextmanager
def _secret(home: Path) -> Iterator[None]:
    """Within the block a cluster that starts takes its token from the home, or as the user says.

    What Ray read before is read anew: it may have been imported long before, without a token, or
    have started the cluster of another home.
    """
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    if not named:
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(_token_file(home))
    core: Any = ray._raylet  # what ray.init itself does, where it is the one to choose a token
    core.Config.initialize("")
    core.AuthenticationTokenLoader.instance().reset_cache()
    try:
        yield
    finally:
        if not named:
            del os.environ["RAY_AUTH_TOKEN_PATH"]  # the cluster's processes have it


def _token_file(home: Path) -> Path:
    """The cluster's secret in the home folder, readable by its owner alone."""
    path = home / "ray-token"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return path
