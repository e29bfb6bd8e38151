"""The service's routes as typed methods; its problem documents as the errors they tell of."""

from __future__ import annotations

import asyncio
import ipaddress
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from azuraforge.client.follow import Chunks, follow
from azuraforge.errors import ConfigError, NotFoundError, ServiceError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import JournalEntry, Telemetry
from azuraforge.schema.problems import Problem, error_of
from azuraforge.schema.records import (
    Health,
    ModelVersion,
    PluginInfo,
    PredictReply,
    PredictRequest,
    RunRecord,
    RunState,
    StopRequest,
)
from azuraforge.schema.specs import RunSpec

SILENCE_S = 45.0  # a stream this silent is dead: the service sends a ping every 15 s
LOST_PAUSES_S = (0.05, 0.2, 0.5)  # before a request is sent again whose reply was lost
T = TypeVar("T")


class Client:
    """The service at `url`; to be used with `async with`, or closed.

    A method raises what the service's own call raised, and ServiceError where there is no service.
    """

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        self._url = _checked(url)
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(
            base_url=self._url,
            timeout=timeout_s,
            trust_env=not _is_loopback(self._url.host),  # HTTP_PROXY cannot see this machine
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def health(self) -> Health:
        """That the service answers, its version and runtime."""
        return await self._get("/healthz", Health)

    async def plugins(self) -> list[PluginInfo]:
        """The installed plugins, broken ones with their error."""
        return await self._get("/v1/plugins", list[PluginInfo])

    async def start_run(
        self,
        spec: RunSpec,
        *,
        experiment: str = "default",
        tags: Mapping[str, str] | None = None,
    ) -> RunRecord:
        """The run that was started. Raises: NotFoundError, ConfigError, DeviceError."""
        labels = [f"{key}={value}" for key, value in (tags or {}).items()]
        query = {"experiment": experiment, "tag": labels}
        return await self._post("/v1/runs", spec, RunRecord, query)

    async def runs(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        state: RunState | None = None,
        experiment: str | None = None,
        tag: str | None = None,
    ) -> list[RunRecord]:
        """Runs, newest first; `before` (an id) continues a list; `tag` is `key` or `key=value`."""
        given = {"before": before, "state": state, "experiment": experiment, "tag": tag}
        query = {"limit": limit, **{key: value for key, value in given.items() if value}}
        return await self._get("/v1/runs", list[RunRecord], query)

    async def run(self, run: str) -> RunRecord:
        """The run of this id, or of the only id that begins so. Raises: NotFoundError."""
        return await self._get(f"/v1/runs/{_segment('run', run)}", RunRecord)

    async def stop(self, run: str, reason: str = "") -> RunRecord:
        """Ask a run to stop. Raises: NotFoundError; RefusedError if it has ended."""
        path = f"/v1/runs/{_segment('run', run)}/stop"
        return await self._post(path, StopRequest(reason=reason), RunRecord)

    async def command(self, run: str, command: Command) -> RunRecord:
        """Ask something of a run, which takes effect between two steps.

        Raises: NotFoundError; ConfigError for a setting that is not live, or a value it cannot
                have; RefusedError if the run has ended.
        """
        return await self._post(f"/v1/runs/{_segment('run', run)}/commands", command, RunRecord)

    async def models(self) -> list[ModelVersion]:
        """Every version of every model, by name, newest version first."""
        return await self._get("/v1/models", list[ModelVersion])

    async def predict(self, name: str, request: PredictRequest) -> PredictReply:
        """One prediction per input. Raises: NotFoundError, DataError."""
        return await self._post(
            f"/v1/models/{_segment('model', name)}/predict", request, PredictReply
        )

    def follow(
        self,
        run: str,
        after: int = 0,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> AsyncGenerator[JournalEntry | Telemetry, None]:
        """The run's events from the one after `after` on, telemetry between, until it ends.

        A connection that breaks is made again, sleeping between tries: no event is missing, none
        comes twice.

        Raises: NotFoundError; ServiceError once it has tried for some 20 seconds.
        """
        path = f"/v1/runs/{_segment('run', run)}/events"
        return follow(lambda seq: self._events(path, seq), after, sleep=sleep)

    async def _get(self, path: str, kind: type[T], query: dict[str, Any] | None = None) -> T:
        with self._reachable():
            response = await self._http.get(path, params=query)
        return self._read(response, kind)

    async def _post(
        self, path: str, body: msgspec.Struct, kind: type[T], query: dict[str, Any] | None = None
    ) -> T:
        """The answer; a request whose reply is lost is sent again, and has one effect."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        content = msgspec.json.encode(body)
        request = self._http.build_request(
            "POST", path, params=query, content=content, headers=headers
        )
        with self._reachable():
            for pause_s in LOST_PAUSES_S:
                try:
                    response = await self._http.send(request)
                    break
                except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                    await asyncio.sleep(pause_s)
            else:
                response = await self._http.send(request)
        return self._read(response, kind)

    @asynccontextmanager
    async def _events(self, path: str, after: int) -> AsyncIterator[Chunks | None]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        timeout = httpx.Timeout(self._timeout_s, read=SILENCE_S)
        with self._reachable():
            async with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if response.is_error:
                    await response.aread()
                    raise self._error(response)
                yield (
                    None
                    if response.status_code == httpx.codes.NO_CONTENT
                    else (response.aiter_bytes())
                )

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise ServiceError(f"the service at {self._url} does not answer in time") from error
        except httpx.RequestError as error:
            raise ServiceError(
                f"no service at {self._url} ({str(error) or type(error).__name__}); "
                "start one with `azuraforge serve`"
            ) from error

    def _read(self, response: httpx.Response, kind: type[T]) -> T:
        if not response.is_success:
            raise self._error(response)
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            raise ServiceError(
                f"{response.url}: an answer that cannot be read ({error}); "
                "is the service of another version?"
            ) from error

    def _error(self, response: httpx.Response) -> Exception:
        try:
            return error_of(msgspec.json.decode(response.content, type=Problem))
        except msgspec.DecodeError:
            return ServiceError(
                f"{response.url}: status {response.status_code} and no problem document; "
                f"is an AzuraForge service at {self._url}?"
            )


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigError(f"url: got {url!r}: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigError(f"url: got {url!r}; allowed: http://HOST:PORT, https://HOST:PORT")
    return parsed


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _segment(what: str, name: str) -> str:
    """A name as one segment of a path; a few would make it another path."""
    if name in ("", ".", ".."):
        raise NotFoundError(f"no {what} {name!r}")
    return quote(name, safe="")
