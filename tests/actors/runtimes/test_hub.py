"""The hub: what is told reaches every reader once, in order, whatever the hub has forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.actors.handles import follow
from azuraforge.actors.runtimes.hub import LINGER_S, Hub
from azuraforge.errors import NotFoundError
from azuraforge.schema.events import (
    Gap,
    JournalEntry,
    News,
    RunFinished,
    StepFinished,
    Telemetry,
)
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec
from tests.conftest import Clock


def entry(seq: int, run: str = "a", *, is_last: bool = False) -> JournalEntry:
    step = StepFinished(step=seq, epoch=1, loss=1.0, lr=0.1, grad_norm=1.0)
    end = RunFinished(step=seq, best_epoch=1, validation={}, test={}, weights="0" * 64)
    return JournalEntry(run=run, seq=seq, event=end if is_last else step)


def entries(first: int, last: int) -> list[JournalEntry]:
    return [entry(seq) for seq in range(first, last + 1)]


def pace(step: int) -> Telemetry:
    return Telemetry(step=step, elapsed_s=1.0, samples_per_s=1.0, eta_s=1.0)


def hub_with(*told: JournalEntry, **settings: Any) -> Hub:
    hub = Hub(**settings)
    hub.publish({"a": told})
    return hub


def polled(hub: Hub, after: int = 0, **settings: Any) -> News:
    return asyncio.run(hub.poll("a", after, timeout_s=0, **settings))


def test_a_reader_is_told_what_follows_its_place_and_no_more_than_it_asks_for() -> None:
    hub = hub_with(*entries(1, 9))

    news = polled(hub, after=3, limit=2)

    assert (news.gap, news.entries) == (None, entries(4, 5))


def test_a_place_that_has_left_the_memory_is_a_gap_before_what_is_there() -> None:
    hub = hub_with(*entries(1, 9), kept=3)

    news = polled(hub, after=2)

    assert (news.gap, news.entries) == (Gap(run="a", first=3, last=6), entries(7, 9))


@pytest.mark.parametrize("hub", [Hub(), hub_with(*entries(1, 3))])
def test_nothing_new_is_no_news(hub: Hub) -> None:
    assert not polled(hub, after=3)


def test_entries_that_come_again_are_told_once() -> None:
    hub = hub_with(*entries(1, 5))

    hub.publish({"a": entries(3, 7)})

    assert polled(hub).entries == entries(1, 7)


def test_entries_that_were_overtaken_on_their_way_are_a_gap() -> None:
    hub = hub_with(*entries(1, 2))

    hub.publish({"a": entries(5, 6)})
    hub.publish({"a": entries(3, 4)})

    news = polled(hub)
    assert (news.gap, news.entries) == (Gap(run="a", first=1, last=4), entries(5, 6))


def test_telemetry_is_told_once_to_each_reader_and_only_the_latest() -> None:
    hub = hub_with()
    hub.report("a", pace(1))
    hub.report("a", pace(2))

    first = polled(hub)
    second = polled(hub, telemetries=first.telemetries)

    assert first.telemetry == pace(2)
    assert not second


def test_readers_that_wait_are_woken_by_entries_by_telemetry_and_by_other_changes() -> None:
    hub = hub_with()

    async def woken() -> list[News]:
        found = []
        for tell in (
            lambda: hub.publish({"a": [entry(1)]}),
            lambda: hub.report("a", pace(1)),
            lambda: hub.publish({"a": []}),
        ):
            known = found[-1].telemetries if found else -1
            waiting = [asyncio.create_task(hub.poll("a", len(found), telemetries=known))] * 3
            await asyncio.sleep(0)
            await asyncio.to_thread(tell)  # the Registry's thread is another one
            found += (await asyncio.gather(*waiting))[:1]
        return found

    first, second, third = asyncio.run(asyncio.wait_for(woken(), 10))

    assert first.entries == [entry(1)]
    assert second.telemetry == pace(1)
    assert not third


def test_a_run_is_forgotten_a_while_after_its_last_use_unless_somebody_waits(clock: Clock) -> None:
    hub = hub_with(*entries(1, 3), clock=clock)

    async def waits() -> News:
        waiting = asyncio.create_task(hub.poll("b", 0))
        await asyncio.sleep(0)
        clock.advance(LINGER_S + 1)
        hub.publish({"c": []})
        hub.publish({"b": [entry(1, "b")]})
        return await waiting

    asyncio.run(hub.poll("b", timeout_s=0))
    told = asyncio.run(asyncio.wait_for(waits(), 10))

    assert told.entries == [entry(1, "b")]
    assert not polled(hub)


class Store:
    """What is durable of the run `a`, a hub that may be started anew, and who reads both."""

    def __init__(self, kept: int) -> None:
        self.journal: list[JournalEntry] = []
        self.kept = kept
        self.hub = Hub(kept=kept)
        self.state = "running"
        self.reads = 0

    def append(self, count: int, *, is_last: bool = False, is_told: bool = True) -> None:
        first = len(self.journal) + 1
        new = [*entries(first, first + count - 1)]
        new[-1:] = [entry(first + count - 1, is_last=is_last)]
        self.journal += new
        self.state = "finished" if is_last else self.state
        if is_told:
            self.hub.publish({"a": new})

    async def run(self, run: str) -> RunRecord:
        if run != "a":
            raise NotFoundError(run)
        state: Any = self.state
        spec = RunSpec(plugin="tiny")
        return RunRecord(id="a", spec=spec, state=state, created_at=0, last_seq=len(self.journal))

    async def events(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        self.reads += 1
        await asyncio.sleep(0)
        return self.journal[after : after + limit]

    async def poll(self, run: str, after: int = 0, **settings: Any) -> News:
        await asyncio.sleep(0)
        return await self.hub.poll(run, after, limit=3, **{**settings, "timeout_s": 0.002})


@given(
    kept=st.integers(1, 6),
    deeds=st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(1, 6)),
            st.tuples(st.just("lose"), st.integers(1, 3)),  # the hub is not told
            st.tuples(st.just("restart"), st.just(0)),
            st.tuples(st.just("pass"), st.integers(1, 8)),
        ),
        max_size=30,
    ),
    places=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=4),
)
def test_every_reader_gets_every_entry_once_whatever_becomes_of_the_hub(
    kept: int, deeds: list[tuple[str, int]], places: list[tuple[int, int]]
) -> None:
    store = Store(kept)

    async def read(after: int, slowness: int) -> list[int]:
        seen = []
        async for item in follow(store, "a", after):
            assert isinstance(item, JournalEntry)
            seen.append(item.seq)
            for _ in range(slowness):
                await asyncio.sleep(0)
        return seen

    async def write() -> None:
        for deed, count in deeds:
            if deed == "restart":
                store.hub = Hub(kept=kept)
            elif deed == "pass":
                for _ in range(count):
                    await asyncio.sleep(0)
            else:
                store.append(count, is_told=deed == "append")
        store.append(10, is_last=True, is_told=False)

    async def all_read() -> list[list[int]]:
        readers = [asyncio.create_task(read(*place)) for place in places]
        await write()
        return await asyncio.gather(*readers)

    found = asyncio.run(asyncio.wait_for(all_read(), 60))

    last = len(store.journal)
    assert found == [list(range(after + 1, last + 1)) for after, _ in places]


def test_a_reader_of_what_happens_now_leaves_the_store_alone() -> None:
    store = Store(kept=1000)

    async def read() -> int:
        seen = 0
        async for _ in follow(store, "a"):
            seen += 1
            if seen == 10:
                store.reads = 0
            if seen < 500:
                store.append(1, is_last=seen == 499)
        return seen

    store.append(1)

    assert asyncio.run(asyncio.wait_for(read(), 60)) == 500
    assert store.reads == 0
