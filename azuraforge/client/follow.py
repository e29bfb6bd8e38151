"""A run's events over connections that break: read on where the last one was cut."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from azuraforge.client.sse import Message, Parser
from azuraforge.errors import ServiceError
from azuraforge.schema.events import JournalEntry, Telemetry

DELAYS_S = (
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    5.0,
    5.0,
)  # between tries that bring nothing; then it fails

Chunks = AsyncIterator[bytes]
Connect = Callable[[int], AbstractAsyncContextManager[Chunks | None]]


async def follow(
    connect: Connect, after: int, *, sleep: Callable[[float], Awaitable[object]]
) -> AsyncGenerator[JournalEntry | Telemetry, None]:
    """Every event after `after` once, telemetry between, until the run ends.

    `connect(after)` opens the bytes of an event stream, or None where nothing more will come.

    Raises: ServiceError if the first connection fails, or as many in a row as there are DELAYS_S.
    """
    failures, has_connected = 0, False
    while True:
        try:
            async with connect(after) as chunks:
                has_connected = True
                if chunks is None:
                    return
                async for message in _messages(chunks):
                    failures = 0
                    if message.event == "end":
                        return
                    told = _read(message)
                    if isinstance(told, JournalEntry):
                        if told.seq <= after:
                            continue
                        after = told.seq
                    yield told
            cut = ServiceError("the event stream ended before the run did")
        except ServiceError as error:
            cut = error
        except msgspec.DecodeError as error:
            raise ServiceError(
                f"event stream: an event that cannot be read ({error}); "
                "is the service of another version?"
            ) from error
        if not has_connected or failures == len(DELAYS_S):
            raise cut
        await sleep(DELAYS_S[failures])
        failures += 1


async def _messages(chunks: Chunks) -> AsyncIterator[Message]:
    parser = Parser()
    async for chunk in chunks:
        for message in parser.feed(chunk):
            yield message


def _read(message: Message) -> JournalEntry | Telemetry:
    if message.event == "telemetry":
        return msgspec.json.decode(message.data, type=Telemetry)
    return msgspec.json.decode(message.data, type=JournalEntry)
