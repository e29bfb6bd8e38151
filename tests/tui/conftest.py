"""A service that replays: the screens cannot tell it from the real one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from azuraforge_tui.app import AzuraForgeApp
from azuraforge_tui.service import Service
from msgspec import structs

from azuraforge.errors import NotFoundError, RefusedError, ServiceError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import LAST_EVENTS, JournalEntry, Telemetry
from azuraforge.schema.records import ENDED, ModelVersion, PluginInfo, RunRecord
from azuraforge.schema.specs import RunSpec


@dataclass
class Replay:
    """Answers from what it was given; `tell` makes things happen, `down` takes it off the net."""

    records: dict[str, RunRecord] = field(default_factory=dict)
    journals: dict[str, list[JournalEntry | Telemetry]] = field(default_factory=dict)
    listed: list[PluginInfo] = field(default_factory=list)
    registered: list[ModelVersion] = field(default_factory=list)
    down: bool = False
    refuses: Exception | None = None  # what start_run and command raise
    started: list[RunSpec] = field(default_factory=list)
    stopped: list[tuple[str, str]] = field(default_factory=list)
    commands: list[tuple[str, Command]] = field(default_factory=list)
    followed: list[tuple[str, int]] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def _answer(self):
        if self.down:
            raise ServiceError("nobody answers at http://replay")

    async def tell(self, run, *items):
        """Append to a run's journal: events are numbered, telemetry goes as it is."""
        async with self._news:
            told = self.journals.setdefault(run, [])
            seq = sum(isinstance(one, JournalEntry) for one in told)
            for item in items:
                if not isinstance(item, Telemetry):
                    seq += 1
                    item = JournalEntry(run=run, seq=seq, event=item)
                told.append(item)
            self._news.notify_all()

    async def cut(self):
        """Take the service down; who follows is told at once."""
        async with self._news:
            self.down = True
            self._news.notify_all()

    async def health(self):
        self._answer()

    async def plugins(self):
        self._answer()
        return self.listed

    async def runs(self):
        self._answer()
        return sorted(self.records.values(), key=lambda r: r.created_at, reverse=True)

    async def run(self, run):
        self._answer()
        if run not in self.records:
            raise NotFoundError(f"no run {run!r}")
        return self.records[run]

    async def models(self):
        self._answer()
        return self.registered

    async def start_run(self, spec):
        self._answer()
        if self.refuses is not None:
            raise self.refuses
        self.started.append(spec)
        id = f"run-{len(self.started)}"
        self.records[id] = RunRecord(id=id, spec=spec, state="queued", created_at=1_699_999_999.0)
        return self.records[id]

    async def stop(self, run, reason):
        self._answer()
        record = await self.run(run)
        if record.state in ENDED:
            raise RefusedError(f"run {run} has ended: it is {record.state}")
        self.stopped.append((run, reason))
        return record

    async def command(self, run, command):
        self._answer()
        record = await self.run(run)
        if self.refuses is not None:
            raise self.refuses
        self.commands.append((run, command))
        return record

    async def follow(self, run, after=0):
        await self.run(run)
        self.followed.append((run, after))
        place = 0
        while True:
            told = self.journals.setdefault(run, [])
            while place < len(told):
                item = told[place]
                place += 1
                if isinstance(item, Telemetry):
                    yield item
                elif item.seq > after:
                    yield item
                    if isinstance(item.event, LAST_EVENTS):
                        return
            async with self._news:
                while not self.down and place == len(told):
                    await self._news.wait()
            self._answer()

    def set(self, run, **changes):
        """Change what the record of a run says."""
        self.records[run] = structs.replace(self.records[run], **changes)


@pytest.fixture
def service() -> Service:
    return Replay()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def app(service, clock) -> AzuraForgeApp:
    """The application over the replay, asking again ten times a second."""
    return AzuraForgeApp(service, "http://replay", clock=clock, frame_s=0.05, poll_s=0.1)


@pytest.fixture
def lines(app):
    """What the terminal shows, line by line."""
    return lambda: [
        "".join(segment.text for segment in strip)
        for strip in app.screen._compositor.render_strips()
    ]


@pytest.fixture
def until(lines):
    """Let the application work until a condition holds, or fail with what it shows."""

    async def wait(pilot, condition):
        for _ in range(1000):
            if condition():
                await pilot.pause()
                return
            await asyncio.sleep(0.01)
        pytest.fail("it never came; the terminal shows:\n" + "\n".join(lines()))

    return wait


@pytest.fixture
def shows(until, lines):
    """Let the application work until the terminal shows a text."""

    async def wait(pilot, text):
        await until(pilot, lambda: text in "\n".join(lines()))

    return wait


@pytest.fixture
def hides(until, lines):
    """Let the application work until the terminal shows a text no more."""

    async def wait(pilot, text):
        await until(pilot, lambda: text not in "\n".join(lines()))

    return wait
