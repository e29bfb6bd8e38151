"""Readers of a run's events with bad connections: cut again and again, or a byte a second."""

from __future__ import annotations

import asyncio
import socket
import statistics
from collections.abc import Iterator
from random import Random
from urllib.parse import urlsplit

import msgspec

from azuraforge.chaos.proxy import cutting
from azuraforge.chaos.row import Case
from azuraforge.chaos.service import served
from azuraforge.client.http import Client
from azuraforge.client.sse import Parser
from azuraforge.schema.events import JournalEntry
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec

SHORT = RunSpec(
    plugin="chaos",
    config={"rows": 256, "training.epochs": 3, "training.batch_size": 8, "pause_ms": 1},
)
LONG = RunSpec(
    plugin="chaos",
    config={"rows": 4096, "training.epochs": 2, "training.batch_size": 8, "width": 256},
)
FEWEST_BYTES, MOST_BYTES = (
    100,
    8000,
)  # before a cut: some come within a reply's head
BUFFER_BYTES = 2048  # of the slow reader's socket: the service has to wait for it
PATIENCE_S = 120.0


def cut(case: Case) -> Iterator[str]:
    """Every connection of a reader is cut; it gets every event once, in order."""
    url = served(case, case.folder / "home")
    for _ in range(case.times):
        yield asyncio.run(_cut(case, url))


def slow(case: Case) -> Iterator[str]:
    """A reader takes a byte a second; it gets every event once, and training does not wait."""
    url = served(case, case.folder / "home")
    ratios = []
    for number in range(case.times):
        undisturbed = asyncio.run(_trained(url, LONG, number))
        record, wrong = asyncio.run(_read_slowly(url, number))
        ratios.append(_seconds(record) / _seconds(undisturbed))
        case.figures["time beside a slow reader / without"] = statistics.median(ratios)
        yield wrong


async def _cut(case: Case, url: str) -> str:
    async with Client(url) as client:
        run = (await client.start_run(SHORT)).id
    cuts = _Cuts(case.rng)
    async with cutting(url, cuts) as proxy, Client(proxy) as client:
        followed = client.follow(run, sleep=lambda _: asyncio.sleep(0.001))
        entries = [told async for told in followed if isinstance(told, JournalEntry)]
    case.figures["cuts"] = case.figures.get("cuts", 0) + cuts.made
    async with Client(url) as client:
        record = await client.run(run)
    return "the run did not finish" if record.state != "finished" else _gap(entries, record)


class _Cuts:
    """After how many bytes each connection is cut; the first ones far enough for a reply."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        fewest = FEWEST_BYTES if self.made % 4 == 0 else 20 * FEWEST_BYTES
        return self._rng.randint(fewest, MOST_BYTES)


def _gap(entries: list[JournalEntry], record: RunRecord) -> str:
    told = [entry.seq for entry in entries]
    if told != list(range(1, record.last_seq + 1)):
        return f"the reader was told {len(told)} events, {len(set(told))} of {record.last_seq}"
    return ""


async def _trained(url: str, spec: RunSpec, seed: int) -> RunRecord:
    async with Client(url) as client:
        run = await client.start_run(msgspec.structs.replace(spec, seed=seed))
        async for _ in client.follow(run.id):
            pass
        return await client.run(run.id)


async def _read_slowly(url: str, seed: int) -> tuple[RunRecord, str]:
    """The run, and what was wrong with what came to a reader of a byte a second."""
    async with Client(url) as client:
        run = await client.start_run(msgspec.structs.replace(LONG, seed=seed))
        reader, writer = await _stream(url, run.id)
        reading = asyncio.ensure_future(_byte_by_byte(reader, kept := bytearray()))
        async with asyncio.timeout(PATIENCE_S):
            async for _ in client.follow(run.id):
                pass
            reading.cancel()
            await asyncio.wait([reading])
            record = await client.run(run.id)
            body = await reader.read()  # what the service has kept for it
        writer.close()
    return record, _gap(list(_entries(bytes(kept) + body)), record)


async def _stream(url: str, run: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that the run's events come over, with hardly any room of its own."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (host, port))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=1)
    writer.write(f"GET /v1/runs/{run}/events HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    await writer.drain()
    while await reader.read(1) != b"\n" or await reader.read(2) != b"\r\n":
        pass  # the head of the reply
    return reader, writer


async def _byte_by_byte(reader: asyncio.StreamReader, kept: bytearray) -> None:
    while byte := await reader.read(1):
        kept += byte
        await asyncio.sleep(1)


def _entries(body: bytes) -> Iterator[JournalEntry]:
    for message in Parser().feed(body):
        if message.event not in ("telemetry", "end"):
            yield msgspec.json.decode(message.data, type=JournalEntry)


def _seconds(record: RunRecord) -> float:
    """How long the run was on."""
    return (record.ended_at or 0.0) - (record.started_at or 0.0)
