"""The response on its own, as ASGI: what it sends, and that nothing of it is left behind."""

from __future__ import annotations

import asyncio

import pytest

from azuraforge.api.event_stream import BACKLOG, EventStreams
from azuraforge.schema.events import JournalEntry
from tests.api.memory import step

SCOPE = {"type": "http", "method": "GET", "path": "/"}


class Told:
    """A journal with so many entries; `then` happens after them."""

    def __init__(self, count, then=None):
        self.count, self.then = count, then
        self.read = 0
        self.is_closed = False

    async def __call__(self):
        try:
            for number in range(1, self.count + 1):
                self.read = number
                yield JournalEntry(run="1", seq=number, event=step(number))
            if self.then:
                await self.then()
        finally:
            self.is_closed = True


async def forever():
    await asyncio.Event().wait()


def stream(told, *, ping_s=60.0, receive=forever, send=None, streams=None):
    """All bytes of the body, and the tasks that were left over."""
    sent = []

    async def keep(message):
        sent.append(message)
        if send:
            await send(message)

    async def respond():
        response = (streams or EventStreams(ping_s)).response(told())
        await response(SCOPE, receive, keep)
        return asyncio.all_tasks() - {asyncio.current_task()}

    left = asyncio.run(asyncio.wait_for(respond(), timeout=30))
    return b"".join(message.get("body", b"") for message in sent), left


def test_a_stream_ends_by_itself_when_all_is_sent():
    told = Told(count=3 * BACKLOG)

    body, left = stream(told)

    assert body.count(b"event: step\n") == 3 * BACKLOG
    assert body.endswith(b'event: end\ndata: {"last_seq":%d}\n\n' % (3 * BACKLOG))
    assert (told.is_closed, len(left)) == (True, 1)  # 1: the wait_for of this test


def test_a_silent_stream_pings():
    pinged = asyncio.Event()

    async def until_pinged(message):
        if message.get("body", b"").startswith(b":"):
            pinged.set()

    body, _ = stream(Told(count=1, then=pinged.wait), ping_s=0.001, send=until_pinged)

    assert b"\n\n: ping\n\n" in body
    assert b"event: end" in body


@pytest.mark.parametrize("count", [0, 1, 10 * BACKLOG], ids=["waiting", "started", "sending"])
def test_nothing_is_left_when_the_client_goes_away(count):
    gone = asyncio.Event()
    told = Told(count, then=forever)

    async def receive():
        await gone.wait()
        return {"type": "http.disconnect"}

    async def leave_and_never_read(message):
        gone.set()
        if message.get("more_body"):
            await forever()

    body, left = stream(told, receive=receive, send=leave_and_never_read)

    assert b"event: end" not in body
    assert (told.is_closed or count == 0, len(left)) == (True, 1)


def test_a_client_that_does_not_read_is_not_read_ahead_for():
    told = Told(count=10 * BACKLOG)
    reads = []

    async def look_once(message):
        if not reads and message.get("more_body"):
            for _ in range(4 * BACKLOG):
                await asyncio.sleep(0)
            reads.append(told.read)

    stream(told, send=look_once)

    assert reads[0] <= 2 * BACKLOG + 2


def test_closing_the_streams_ends_one_that_waits_without_an_end():
    streams = EventStreams(ping_s=60.0)
    told = Told(count=1, then=forever)

    async def close(message):
        if message.get("body"):
            streams.close()

    body, left = stream(told, send=close, streams=streams)

    assert b"event: step" in body
    assert b"event: end" not in body
    assert (told.is_closed, len(left)) == (True, 1)


def test_what_the_journal_raises_comes_out_and_nothing_is_left():
    async def fail():
        raise ZeroDivisionError

    told = Told(count=1, then=fail)

    with pytest.raises(ZeroDivisionError):
        stream(told)

    assert told.is_closed
