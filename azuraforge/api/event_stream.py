"""Server-sent events: a run's journal as a response that goes on until the run has ended.

One message per journal entry, its number as the id, so that a client that was cut off goes on
where it was; telemetry between them without an id; `event: end` after the last entry. A stream
that ends without it was cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import HTTPResponseBodyEvent, Receive, Send

from azuraforge.schema.events import JournalEntry, Telemetry

BACKLOG = 256  # messages read ahead of the socket, and sent in one piece
PING = b": ping\n\n"
_encode = msgspec.json.Encoder().encode

Told = AsyncGenerator[JournalEntry | Telemetry, None]


class EventStreams:
    """The open event streams of a service, so that it can end them when it stops."""

    def __init__(self, ping_s: float) -> None:
        self._ping_s = ping_s
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End every stream, those of the future included."""
        self._closing.set()

    def response(self, told: Told) -> ASGIResponse:
        """`told` as server-sent events; it is closed with the response, however that ends."""
        return _EventStream(told, self._ping_s, self._closing.wait)


class _EventStream(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, told: Told, ping_s: float, closing: Callable[[], Awaitable[object]]) -> None:
        super().__init__(
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._told = told
        self._ping_s = ping_s
        self._closing = closing

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send messages until all are sent, the client is gone or the service stops.

        The reader is a message ahead of the writer, never more than a backlog: a client that
        reads slowly slows down the reading of the journal, nothing else.
        """
        queue: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG)
        ends = [
            asyncio.ensure_future(ending)
            for ending in (
                self._read(queue),
                self._write(queue, send),
                _gone(receive),
                self._closing(),
            )
        ]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        for end in done:
            end.result()  # raises what the journal or the socket raised: the client then reconnects
        await send(_body(b"", more_body=False))

    async def _read(self, queue: asyncio.Queue[bytes]) -> None:
        async with aclosing(self._told):
            async for message in _messages(self._told):
                await queue.put(message)
        await queue.join()

    async def _write(self, queue: asyncio.Queue[bytes], send: Send) -> None:
        while True:
            try:
                async with asyncio.timeout(self._ping_s):  # Python 3.11's wait_for may eat a cancel
                    messages = [await queue.get()]
            except TimeoutError:
                await send(_body(PING))
                continue
            while not queue.empty():
                messages.append(queue.get_nowait())
            await send(_body(b"".join(messages)))
            for _ in messages:
                queue.task_done()


async def _messages(told: Told) -> AsyncIterator[bytes]:
    last_seq = 0
    async for item in told:
        data = _encode(item)
        if isinstance(item, Telemetry):
            yield b"event: telemetry\ndata: %b\n\n" % data
        else:
            last_seq = item.seq
            tag = str(item.event.__struct_config__.tag).encode()
            yield b"id: %d\nevent: %b\ndata: %b\n\n" % (item.seq, tag, data)
    yield b'event: end\ndata: {"last_seq":%d}\n\n' % last_seq  # no data, no event in a browser


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(chunk: bytes, *, more_body: bool = True) -> HTTPResponseBodyEvent:
    return {"type": "http.response.body", "body": chunk, "more_body": more_body}
