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
        self.is_open = False

    async def __call__(self):
        self.is_open = True
        try:
            for number in range(1, self.count + 1):
                self.read = number
                yield JournalEntry(run="1", seq=number, event=step(number))
            if self.then:
                await self.then()
        finally:
            self.is_open = False


async def forever():
    await asyncio.Event().wait()


def stream(told, *, ping_s=60.0, receive=forever, send=None, streams=None):
    """All bytes of the body, and what was left over the moment the response was done."""
    sent = []

    async def keep(message):
        if send:
            await send(message)
        sent.append(message)

    async def respond():
        response = (streams or EventStreams(ping_s)).response(told())
        await response(SCOPE, receive, keep)
        journal = ["journal"] if told.is_open else []
        return [task.get_name() for task in asyncio.all_tasks() if task not in before] + journal

    async def within_30_s():
        before.update(asyncio.all_tasks())
        async with asyncio.timeout(30):
            return await respond()

    before = set()
    left = asyncio.run(within_30_s())
    return b"".join(message.get("body", b"") for message in sent), left


def test_a_stream_ends_by_itself_when_all_is_sent():
    told = Told(count=3 * BACKLOG)

    body, left = stream(told)

    assert body.count(b"event: step\n") == 3 * BACKLOG
    assert body.endswith(b'event: end\ndata: {"last_seq":%d}\n\n' % (3 * BACKLOG))
    assert left == []


def test_a_client_that_reads_slowly_gets_the_end_too():
    async def slowly(message):
        for _ in range(100):
            await asyncio.sleep(0)

    body, left = stream(Told(count=3), send=slowly)

    assert body.endswith(b'event: end\ndata: {"last_seq":3}\n\n')
    assert left == []


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
    assert left == []


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
    assert left == []


def test_what_the_journal_raises_comes_out_and_nothing_is_left():
    async def fail():
        raise ZeroDivisionError

    told = Told(count=1, then=fail)

    with pytest.raises(ZeroDivisionError):
        stream(told)

    assert not told.is_open
