from __future__ import annotations

import asyncio

from litestar import Litestar
from litestar.testing import TestClient

from azuraforge.api.repeats import Repeats
from tests.api.memory import MemoryHandles

SPEC = {"plugin": "images"}


def test_a_request_with_a_known_key_is_answered_as_before_and_not_done_again(client):
    one, again = (
        client.post("/v1/runs", json=SPEC, headers={"Idempotency-Key": "k"}) for _ in "12"
    )

    assert (again.status_code, again.json()) == (201, one.json())
    assert again.headers["Location"] == one.headers["Location"]
    assert len(client.get("/v1/runs").json()) == 1


def test_another_key_or_none_is_another_request(client: TestClient[Litestar]):
    for headers in ({"Idempotency-Key": "a"}, {"Idempotency-Key": "b"}, {}, {}):
        client.post("/v1/runs", json=SPEC, headers=headers)

    assert len(client.get("/v1/runs").json()) == 4


def test_a_refusal_is_kept_like_any_other_answer(client: TestClient[Litestar]):
    refused, again = (
        client.post("/v1/runs", json={"plugin": "?"}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    )

    assert refused.status_code == again.status_code == 404
    assert refused.json() == again.json()


def test_an_error_of_the_service_is_forgotten(app: Litestar, handles: MemoryHandles, monkeypatch):
    start = handles.start_run

    async def fail(spec):
        raise RuntimeError("not today")

    with TestClient(app, raise_server_exceptions=False) as client:
        monkeypatch.setattr(handles, "start_run", fail)
        failed = client.post("/v1/runs", json=SPEC, headers={"Idempotency-Key": "k"})
        monkeypatch.setattr(handles, "start_run", start)
        done = client.post("/v1/runs", json=SPEC, headers={"Idempotency-Key": "k"})

    assert (failed.status_code, done.status_code) == (500, 201)


def test_one_that_comes_while_the_first_is_being_answered_waits_for_its_answer():
    calls: list[str] = []
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"idempotency-key", b"k")]}

    async def both() -> list[list[dict[str, object]]]:
        may_end, repeats = asyncio.Event(), Repeats()
        sent: list[list[dict[str, object]]] = [[], []]

        async def app(scope, receive, send):
            calls.append("called")
            await may_end.wait()
            await send({"type": "http.response.start", "status": 201, "headers": []})
            await send({"type": "http.response.body", "body": b"done"})

        async def answered(to: list[dict[str, object]]) -> None:
            async def send(message):
                to.append(message)

            await repeats.handle(scope, None, send, app)

        first, second = (asyncio.ensure_future(answered(to)) for to in sent)
        await asyncio.sleep(0)
        may_end.set()
        await first
        await second
        return sent

    one, other = asyncio.run(both())

    assert one == other
    assert [message.get("body") for message in one] == [None, b"done"]
    assert calls == ["called"]
