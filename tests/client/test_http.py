from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import pytest

import azuraforge
from azuraforge.client.http import Client
from azuraforge.errors import (
    ConfigError,
    DataError,
    FieldProblem,
    NotFoundError,
    RefusedError,
    ServiceError,
)
from azuraforge.schema.commands import Command
from azuraforge.schema.events import JournalEntry, RunStopped
from azuraforge.schema.records import Health, ModelVersion, PredictReply, PredictRequest
from azuraforge.schema.specs import RunSpec
from tests.api.memory import finished, step


def call(service, method, *arguments, **options):
    """What the client's method returns, asked of this service."""

    async def called():
        async with Client(service.url) as client:
            return await getattr(client, method)(*arguments, **options)

    return asyncio.run(called())


@pytest.fixture
def digits(handles):
    handles.registry.versions = [
        ModelVersion(
            name="digits",
            version=1,
            run="1",
            plugin="images",
            config={},
            weights="0" * 64,
            monitor="loss",
            mode="min",
            validation={},
            test={},
            created_at=1.7e9,
            aliases=["champion"],
        )
    ]
    return handles.registry.versions[0]


def test_health_tells_version_and_runtime(service):
    health = call(service, "health")

    assert health == Health(status="ok", version=azuraforge.__version__, runtime="local")


def test_plugins_come_as_the_service_has_them(service, handles):
    plugins = call(service, "plugins")

    assert plugins == asyncio.run(handles.plugins())


def test_a_run_is_started_listed_shown_and_stopped(service, handles):
    spec = RunSpec(plugin="images", config={"optim.lr": 0.5}, seed=2**63 - 1)

    started = call(service, "start_run", spec)
    listed = call(service, "runs")
    shown = call(service, "run", started.id[:4])
    stopped = call(service, "stop", started.id, "enough")

    assert started.spec == spec
    assert listed == [started]
    assert shown == started
    assert stopped.state == "stopped"
    assert handles.registry.journals[started.id][-1].event == RunStopped(step=0, reason="enough")


def test_a_command_arrives_as_it_was_given(service, handles, run):
    command = Command(name="set", path="optim.lr", value=0.1, reason="why not")

    record = call(service, "command", run, command)

    assert record.id == run
    assert handles.commands == [(run, command)]
    with pytest.raises(ConfigError) as refused:
        call(service, "command", run, Command(name="set", path="seed", value=1))
    assert refused.value.problems[0].path == "seed"


def test_runs_come_in_pages(service, handles):
    ids = [call(service, "start_run", RunSpec(plugin="images")).id for _ in range(3)]

    page = call(service, "runs", 1, ids[2])

    assert [run.id for run in page] == [ids[1]]


def test_what_runs_are_found_by_goes_there_and_back(service, handles):
    spec = RunSpec(plugin="images")

    call(service, "start_run", spec, experiment="first try", tags={"size": "a=b", "by": "me"})
    call(service, "runs", state="lost", experiment="first try", tag="by=me")

    assert handles.labels == {"experiment": "first try", "tags": {"size": "a=b", "by": "me"}}
    assert handles.registry.asked == {"state": "lost", "experiment": "first try", "tag": "by=me"}


def test_models_are_listed_and_predict(service, digits):
    models = call(service, "models")
    reply = call(service, "predict", "digits", PredictRequest(inputs=[[1, 2, 3]]))

    assert models == [digits]
    assert reply == PredictReply(model="digits", version=1, predictions=[{"label": "3"}])


def test_a_config_error_comes_back_with_every_field(service):
    spec = RunSpec(plugin="images", config={"lr": -1, "epochs": "many"})

    with pytest.raises(ConfigError) as raised:
        call(service, "start_run", spec)

    assert raised.value.problems == (
        FieldProblem("lr", -1, "allowed: a number > 0"),
        FieldProblem("epochs", "many", "allowed: a number > 0"),
    )


@pytest.mark.parametrize(
    ("error", "method", "arguments"),
    [
        (NotFoundError, "start_run", [RunSpec(plugin="none")]),
        (NotFoundError, "run", ["none"]),
        (NotFoundError, "run", ["a/b"]),
        (NotFoundError, "run", [".."]),
        (NotFoundError, "run", [""]),
        (NotFoundError, "run", ["ü %?#"]),
        (NotFoundError, "predict", ["none", PredictRequest(inputs=[])]),
        (DataError, "predict", ["digits", PredictRequest(inputs=["no image"])]),
        (ConfigError, "runs", [0]),
    ],
)
def test_an_error_comes_back_as_its_class(service, digits, error, method, arguments):
    with pytest.raises(error):
        call(service, method, *arguments)


def test_a_run_that_has_ended_cannot_be_stopped(service, handles, run):
    service.call(handles.registry.tell, run, finished(at=0))

    with pytest.raises(RefusedError, match="finished"):
        call(service, "stop", run)


def test_an_error_inside_the_service_is_a_service_error(service, handles):
    handles.registry.error = ZeroDivisionError()

    with pytest.raises(ServiceError, match="log"):
        call(service, "runs")


def test_where_there_is_no_service_the_url_and_the_command_are_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(ServiceError, match=rf"127\.0\.0\.1:{port}.*`azuraforge serve`"):
        asyncio.run(Client(f"http://127.0.0.1:{port}").health())


def test_a_service_that_does_not_answer_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        with pytest.raises(ServiceError, match="in time"):
            asyncio.run(Client(url, timeout_s=0.01).health())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\noops", "is an AzuraForge service at"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "another version"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "azuraforge serve"),
    ],
)
def test_another_service_at_the_url_is_told_as_such(answer, message):
    async def answering(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def ask():
        async with await asyncio.start_server(answering, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with Client(f"http://127.0.0.1:{port}") as client:
                await client.health()

    with pytest.raises(ServiceError, match=message):
        asyncio.run(ask())


@pytest.mark.parametrize("url", ["127.0.0.1:8265", "ftp://x", "http://", "http://x:port", ""])
def test_what_is_no_url_of_a_service_is_refused(url):
    with pytest.raises(ConfigError, match="url: got"):
        Client(url)


def test_a_proxy_in_the_environment_does_not_stand_before_this_machine(service, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert call(service, "health").status == "ok"


@asynccontextmanager
async def cutting_proxy(target_port, length):
    """A way to the service that breaks each connection after `length` bytes of answer."""
    relays, ends = [], []

    async def relay(reader, writer):
        relays.append(asyncio.current_task())
        from_service, to_service = await asyncio.open_connection("127.0.0.1", target_port)
        ends.extend((writer, to_service))
        with suppress(ConnectionError):
            to_service.write(await reader.readuntil(b"\r\n\r\n"))
            left = length
            while left and (data := await from_service.read(left)):
                writer.write(data)
                left -= len(data)
            await writer.drain()
        writer.close()
        to_service.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], relays
        for end in ends:
            end.close()
        await asyncio.gather(*relays)


@pytest.mark.parametrize("length", [500, 501, 502, 503, 577, 640, 1024, 4096])
def test_through_a_line_that_keeps_breaking_each_event_comes_once(service, handles, run, length):
    service.call(handles.registry.tell, run, *map(step, range(1, 31)), finished(at=30))
    naps = []

    async def sleep(seconds):
        naps.append(seconds)

    async def follow():
        port = int(service.url.rpartition(":")[2])
        async with (
            cutting_proxy(port, length) as (proxy_port, connections),
            Client(f"http://127.0.0.1:{proxy_port}") as client,
        ):
            told = [entry async for entry in client.follow(run, sleep=sleep)]
            return told, len(connections)

    told, connections = asyncio.run(follow())

    assert told == handles.registry.journals[run]
    assert len(naps) == connections - 1
    assert connections >= 2


def test_a_run_is_followed_while_it_happens_to_its_end(service, handles, run):
    service.call(handles.registry.tell, run, step(1))

    async def follow():
        told = []
        async with Client(service.url) as client:
            async for entry in client.follow(run):
                told.append(entry)
                if entry.seq < 3:
                    event = step(2) if entry.seq == 1 else finished(at=2)
                    await asyncio.to_thread(service.call, handles.registry.tell, run, event)
        return told

    told = asyncio.run(follow())

    assert told == [
        JournalEntry(run=run, seq=1, event=step(1)),
        JournalEntry(run=run, seq=2, event=step(2)),
        JournalEntry(run=run, seq=3, event=finished(at=2)),
    ]


def test_following_a_run_from_its_end_on_tells_nothing(service, handles, run):
    service.call(handles.registry.tell, run, finished(at=0))

    async def follow():
        async with Client(service.url) as client:
            return [entry async for entry in client.follow(run, after=1)]

    assert asyncio.run(follow()) == []


def test_a_run_that_is_not_there_cannot_be_followed(service):
    async def follow():
        async with Client(service.url) as client:
            return [entry async for entry in client.follow("none")]

    with pytest.raises(NotFoundError):
        asyncio.run(follow())
