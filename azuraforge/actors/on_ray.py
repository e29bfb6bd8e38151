"""The runtime on Ray; the only importer of it.

One Registry actor per home (sync and single-threaded: only those keep the order of calls), one
Trainer actor per run, one Predictor actor per model version. Where no cluster is given, one is
started on this machine: with token authentication, no dashboard, a bounded object store.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

NAMESPACE = "azuraforge"
OBJECT_STORE_BYTES = 300 * 1024 * 1024  # models and data travel as blobs, not as Ray objects

os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # read when Ray is imported
os.environ.setdefault("RAY_AUTH_MODE", "token")

import ray  # noqa: E402
from ray.exceptions import RayActorError, RayTaskError  # noqa: E402

from azuraforge.actors.handles import PredictorHandle, RegistryHandle  # noqa: E402
from azuraforge.actors.predictor import Predictor  # noqa: E402
from azuraforge.actors.registry import Registry  # noqa: E402
from azuraforge.actors.runtime import Runtime, train_here  # noqa: E402
from azuraforge.errors import AzuraForgeError, RunError, ServiceError  # noqa: E402
from azuraforge.schema.records import ModelVersion  # noqa: E402
from azuraforge.schema.specs import RunSpec  # noqa: E402
from azuraforge.store.blobs import Blobs  # noqa: E402


class OnRay(Runtime):
    """Runs and models of a home folder, the work done by Ray actors.

    Raises: ServiceError if no cluster can be reached or started.
    """

    runtime = "ray"

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home
        self._owns_cluster = _join_or_start(home)
        name = f"registry-{hashlib.sha256(str(home).encode()).hexdigest()[:16]}"
        self._registry = (
            ray.remote(Registry)
            .options(
                name=name,
                namespace=NAMESPACE,
                get_if_exists=True,
                lifetime="detached",
                num_cpus=0,
                max_restarts=-1,
            )
            .remote(home)
        )
        self.registry = cast(RegistryHandle, Remote(self._registry))

    async def train(self, run: str, spec: RunSpec) -> None:
        trainer = _TrainerActor.options(
            num_cpus=spec.threads, num_gpus=int(spec.device == "cuda")
        ).remote()
        try:
            await Remote(trainer).train(self._registry, self._home, run, spec)
        except ServiceError as error:
            raise RunError(f"run {run}: its Trainer died without a word: {error}") from error

    async def new_predictor(self, version: ModelVersion) -> PredictorHandle:
        actor = ray.remote(Predictor).options(num_cpus=0).remote(version, Blobs(self._home))
        return cast(PredictorHandle, Remote(actor))

    async def close(self) -> None:
        await super().close()
        if self._owns_cluster:
            ray.shutdown()


class Remote:
    """An actor's methods as coroutines; errors of ours come through as themselves."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._actor, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return await method.remote(*args, **kwargs)
            except (RayTaskError, RayActorError) as error:
                raise _cause(error) from error

        return call


class _BlockingRemote:
    """An actor's methods, the caller waiting for each."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._actor, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return ray.get(method.remote(*args, **kwargs))
            except (RayTaskError, RayActorError) as error:
                raise _cause(error) from error

        return call


@ray.remote
class _TrainerActor:
    """A process of its own for one run."""

    def train(self, registry: Any, home: Path, run: str, spec: RunSpec) -> None:
        train_here(_BlockingRemote(registry), Blobs(home), run, spec)


def _cause(error: Exception) -> Exception:
    """The error of ours inside Ray's; a lost actor is a ServiceError."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, AzuraForgeError):
        return cause
    if isinstance(error, RayActorError):
        return ServiceError(f"a Ray actor is gone: {str(error).strip().splitlines()[0]}")
    return error


def _join_or_start(home: Path) -> bool:
    """Be connected to a cluster; whether it was started here, and ends with this process."""
    if ray.is_initialized():
        return False
    address = os.environ.get("RAY_ADDRESS")
    try:
        if address:
            ray.init(address=address, namespace=NAMESPACE, logging_level=logging.WARNING)
            return False
        if "RAY_AUTH_TOKEN" not in os.environ and "RAY_AUTH_TOKEN_PATH" not in os.environ:
            os.environ["RAY_AUTH_TOKEN_PATH"] = str(_token_file(home))
        ray.init(
            address="local",
            namespace=NAMESPACE,
            num_cpus=os.cpu_count(),
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            logging_level=logging.WARNING,
        )
        return True
    except (ConnectionError, RuntimeError, OSError) as error:
        where = address or "a local cluster"
        raise ServiceError(
            f"Ray cannot be reached or started ({where}): {error}; `azuraforge doctor` tells more, "
            "--runtime local does without"
        ) from error


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
