from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from azuraforge.api.server import listen, serve
from azuraforge.errors import ConfigError
from tests.api.memory import step
from tests.api.serving import Service

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio
from azuraforge.api.server import serve
from azuraforge.schema.specs import RunSpec
from tests.api.memory import MemoryHandles, step

async def main():
    handles = MemoryHandles()
    run = await handles.registry.create_run(RunSpec(plugin="images"))
    handles.registry.tell(run.id, step(1))
    await serve(handles, "127.0.0.1", 0, on_ready=lambda url: print(url, run.id, flush=True))
    print("closed" if handles.is_closed else "left open")

asyncio.run(main())
"""


def test_port_0_takes_a_free_one_and_tells_it(service):
    response = httpx.get(f"{service.url}/healthz", trust_env=False)

    assert service.url.startswith("http://127.0.0.1:")
    assert response.status_code == 200


def test_a_port_in_use_is_named_with_what_to_do_and_the_handles_are_closed(handles):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}.*in use.*choose another"):
            asyncio.run(serve(handles, "127.0.0.1", port, on_ready=pytest.fail))

    assert handles.is_closed


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("192.0.2.1", 0, "no such address"),  # TEST-NET-1: nobody has it
        ("no-such-host.invalid", 0, "no such address"),
        ("x" * 64, 0, "no such address"),
        ("127.0.0.1", 65536, "allowed: 0 to 65535"),
        ("127.0.0.1", -1, "allowed: 0 to 65535"),
    ],
)
def test_a_place_that_is_not_ours_is_refused_in_words(host, port, message):
    with pytest.raises(ConfigError, match=message):
        listen(host, port)


def test_an_ipv6_address_is_told_in_brackets(handles):
    try:
        listen("::1", 0).close()
    except ConfigError:
        pytest.skip("this machine has no ::1")

    with Service(handles, host="::1") as service:
        response = httpx.get(f"{service.url}/healthz", trust_env=False)

    assert service.url.startswith("http://[::1]:")
    assert response.status_code == 200


def test_at_loopback_a_strangers_host_is_refused(service):
    response = httpx.get(
        f"{service.url}/healthz", headers={"Host": "evil.example"}, trust_env=False
    )

    assert response.status_code == 421
    assert "allowed: 127.0.0.1, [::1], localhost" in response.json()["detail"]


def test_a_service_that_is_cancelled_closes_its_streams_and_handles(handles, run):
    handles.registry.tell(run, step(1))

    with Service(handles) as service:
        url = f"{service.url}/v1/runs/{run}/events"
        with httpx.stream("GET", url, trust_env=False) as response:
            chunks = response.iter_text()
            first = next(chunks)
            service.stop()
            rest = "".join(chunks)

    assert "event: step" in first
    assert "event: end" not in rest
    assert handles.is_closed


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_soon_though_a_stream_is_open(sig):
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url, run = process.stdout.readline().split()
        with httpx.stream("GET", f"{url}/v1/runs/{run}/events", trust_env=False) as response:
            next(response.iter_text())

            start = time.monotonic()
            process.send_signal(sig)
            stdout, stderr = process.communicate(timeout=30)
            took_s = time.monotonic() - start

    assert (stdout, stderr, process.returncode) == ("closed\n", "", 0)
    assert took_s < 5  # 0.3 s here; an open stream kept uvicorn alone for more than 12


def test_a_request_that_hangs_does_not_keep_the_service(handles):
    started = asyncio.Event()

    async def plugins():
        started.set()
        await asyncio.Event().wait()

    handles.plugins = plugins
    with Service(handles) as service, socket.socket() as client:
        client.connect(("127.0.0.1", int(service.url.rpartition(":")[2])))
        client.sendall(b"GET /v1/plugins HTTP/1.1\r\nHost: localhost\r\n\r\n")
        asyncio.run_coroutine_threadsafe(started.wait(), service.loop).result(timeout=30)

        service.stop()

    assert handles.is_closed
