"""A way to a service that loses what it says: replies cut off, or given byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

CHUNK = 4096
Cut = Callable[[], int | None]  # bytes of a connection's replies that come through; None: all


class _CutOff(Exception):  # noqa: N818  (how a connection ends, no error)
    pass


@asynccontextmanager
async def cutting(url: str, cut: Cut) -> AsyncIterator[str]:
    """The URL of a proxy to `url` that cuts each connection after as many bytes as `cut` says."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, port)
        ways = [
            asyncio.ensure_future(_pass(reader, far_writer, None)),
            asyncio.ensure_future(_pass(far_reader, writer, cut())),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, far_writer):
                end.transport.abort()  # as a cable that is pulled: no goodbye

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None
) -> None:
    """Carry bytes on until one side ends, or as many as may come through."""
    left = most
    while left is None or left > 0:
        data = await reader.read(CHUNK)
        if not data:
            return
        writer.write(data if left is None else data[:left])
        await writer.drain()
        left = None if left is None else left - len(data)
