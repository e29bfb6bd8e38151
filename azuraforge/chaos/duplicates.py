"""Replies that are lost, so that what was asked is asked again: one effect, the same answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from azuraforge.actors.recording.registry import Registry
from azuraforge.chaos import journal
from azuraforge.chaos.proxy import cutting
from azuraforge.chaos.row import Case
from azuraforge.chaos.service import served
from azuraforge.client.http import Client
from azuraforge.schema.commands import Command
from azuraforge.schema.events import Intervened, JournalEntry
from azuraforge.schema.specs import RunSpec

EVENTS = 60
MOST = 20  # events sent at once
MOST_BYTES, MOST_LOST = 150, 3  # of a reply that come through; replies lost, one after the other
ENDLESS = RunSpec(plugin="chaos", config={"training.epochs": 1000, "pause_ms": 1})
SENDERS = 3  # that each believe to have had no answer


def of_appends(case: Case) -> Iterator[str]:
    """Everything is sent several times, in parts that overlap, by several at once."""
    home = case.folder / "home"
    with ThreadPoolExecutor(SENDERS) as pool:
        for _ in range(case.times):
            run = journal.new_run(home)
            registry = Registry(home)
            known = 0
            wrong = ""
            while known < EVENTS and not wrong:
                first = case.rng.randint(max(1, known - MOST), known + 1)
                count = known + 1 - first + case.rng.randint(0, MOST)
                send = [
                    pool.submit(registry.append, run, first, journal.events(first, count))
                    for _ in range(SENDERS)
                ]
                answers = {sent.result().durable_seq for sent in send}
                known = max(known, first + count - 1)
                if answers != {known}:
                    wrong = f"events {first} to {first + count - 1}: the answers are {answers}"
            registry.close()
            wrong = wrong or journal.broken(journal.held(home, run), known)
            extra = len(journal.held(home, run)) - known
            yield wrong or (f"run {run}: {extra} events too many" if extra else "")


def of_requests(case: Case) -> Iterator[str]:
    """The replies of a service are cut off; what is asked again has one effect."""
    url = served(case, case.folder / "home")
    for _ in range(case.times):
        yield asyncio.run(_asked(case, url))


async def _asked(case: Case, url: str) -> str:
    """What is wrong after a run was started, and asked to do two steps, over a bad connection."""
    losses = [case.rng.randint(0, MOST_BYTES) for _ in range(case.rng.randint(1, MOST_LOST))]
    cuts = iter([*losses, None, *losses])
    async with Client(url) as client:
        before = {record.id for record in await client.runs()}
    async with cutting(url, lambda: next(cuts, None)) as proxy, Client(proxy) as client:
        run = (await client.start_run(ENDLESS)).id
        await client.command(run, Command(name="pause"))
        await client.command(run, Command(name="step", count=2))
        await client.stop(run)
    async with Client(url) as client:
        new = {record.id for record in await client.runs()} - before
        told = [told async for told in client.follow(run) if isinstance(told, JournalEntry)]
    events = [entry.event for entry in told if isinstance(entry.event, Intervened)]
    requests = [event.command for event in events if event.request is not None]
    if new != {run}:
        return f"one run was asked for, and {len(new)} began"
    if len(requests) != len(set(requests)):
        return f"asked for pause, step and stop once each, done {', '.join(requests)}"
    return ""
