"""The relay: what is told in one process reaches the hubs of others, or these know it may not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.actors.handles import follow
from azuraforge.actors.runtimes.hub import Hub
from azuraforge.actors.runtimes.relay import Copied, Copy, Log, Telling
from azuraforge.errors import ServiceError
from azuraforge.schema.events import JournalEntry, News, Telemetry
from tests.actors.runtimes.test_hub import Store, entries

PACE = Telemetry(step=1, elapsed_s=1.0, samples_per_s=1.0, eta_s=1.0)


def copied(log: Log, place: int | None) -> Copied:
    return asyncio.run(log.after(place, timeout_s=0))


def log_of(*tellings: bytes, first: int = 100, **settings: Any) -> Log:
    log = Log(first=first, **settings)
    for telling in tellings:
        log.tell(telling)
    return log


def test_a_log_gives_what_follows_a_place() -> None:
    log = log_of(b"a", b"b", b"c")

    assert copied(log, 101) == Copied(place=103, tellings=[b"b", b"c"])
    assert copied(log, 103) == Copied(place=103, tellings=[])


def test_who_comes_anew_or_from_another_log_or_too_late_is_told_where_it_is_now() -> None:
    log = log_of(b"a", b"b", b"c", kept=2)

    found = [copied(log, place) for place in (None, 7, 100, 104)]

    assert found == [Copied(place=103, tellings=[], is_whole=False)] * 4


def test_who_waits_is_woken_by_the_next_telling() -> None:
    log = log_of()

    async def woken() -> Copied:
        waiting = asyncio.create_task(log.after(100))
        await asyncio.sleep(0)
        log.tell(b"a")
        return await asyncio.wait_for(waiting, 10)

    assert asyncio.run(woken()) == Copied(place=101, tellings=[b"a"])


class Line:
    """The way to a log, a step at a time: each call of `ask` waits until it is let through."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.error: ServiceError | None = None
        self._lets = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._is_open = False

    def __call__(self, place: int | None) -> Copied:
        self._done.release()
        self._lets.acquire()
        if self.error is not None:
            raise self.error
        return copied(self.log, place)

    def step(self) -> None:
        """Let one call through, and wait until what it brought is told."""
        self._lets.release()
        self._done.acquire()

    def first(self) -> None:
        self._done.acquire()

    def open(self) -> None:
        self._lets.release()


def with_copy(log: Log, use: Callable[[Copy, Line], Any]) -> Any:
    line = Line(log)
    copy = Copy(line, Hub())
    asyncio.run(copy.poll("a", timeout_s=0))  # the first reader
    line.first()
    try:
        return use(copy, line)
    finally:
        copy.close(line.open)


def polled(copy: Copy, **settings: Any) -> News:
    return asyncio.run(copy.poll("a", timeout_s=0, **settings))


def test_a_copy_tells_its_readers_what_the_log_was_told() -> None:
    log = log_of()

    def use(copy: Copy, line: Line) -> News:
        line.step()  # now it knows the place
        polled(copy)
        log.tell(Telling(entries={"a": entries(1, 2)}, telemetry={"a": PACE}).encoded())
        line.step()
        return polled(copy)

    news = with_copy(log, use)

    assert (news.entries, news.telemetry) == (entries(1, 2), PACE)


def test_a_copy_that_may_have_missed_something_forgets_what_it_knows() -> None:
    log = log_of()

    def use(copy: Copy, line: Line) -> list[News]:
        line.step()
        log.tell(Telling(entries={"a": entries(1, 2)}).encoded())
        line.step()
        before = polled(copy)
        line.log = log_of(Telling(entries={"a": entries(3, 3)}).encoded(), first=500)
        line.step()
        return [before, polled(copy)]

    before, after = with_copy(log, use)

    assert before.entries == entries(1, 2)
    assert not after


@given(
    deeds=st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(1, 5)),
            st.tuples(st.just("step"), st.just(1)),
            st.tuples(st.just("restart"), st.just(0)),
            st.tuples(st.just("break"), st.just(0)),
            st.tuples(st.just("pass"), st.integers(1, 8)),
        ),
        max_size=25,
    )
)
def test_readers_of_a_copy_get_every_entry_once_whatever_becomes_of_the_log(
    deeds: list[tuple[str, int]],
) -> None:
    store, hub = Store(kept=3), Hub(kept=3)
    log, place = log_of(kept=2), None

    def append(count: int, *, is_last: bool = False) -> None:
        before = len(store.journal)
        store.append(count, is_last=is_last, is_told=False)
        log.tell(Telling(entries={"a": store.journal[before:]}).encoded())

    async def copy_once() -> None:
        nonlocal place
        told = await log.after(place, 0)
        place = told.place
        if not told.is_whole:
            hub.forget()
        for telling in told.tellings:
            hub.publish(decoded(telling))

    async def act() -> list[int]:
        nonlocal log, place
        store.hub = hub
        reader = asyncio.create_task(read(store))
        for deed, count in deeds:
            match deed:
                case "append":
                    append(count)
                case "step":
                    await copy_once()
                case "restart":
                    log = log_of(first=log._place + 1000, kept=2)
                case "break":
                    place = None
                case "pass":
                    for _ in range(count):
                        await asyncio.sleep(0)
        append(2, is_last=True)
        await copy_once()
        return await asyncio.wait_for(reader, 60)

    assert asyncio.run(act()) == list(range(1, len(store.journal) + 1))


async def read(store: Store) -> list[int]:
    followed = [item async for item in follow(store, "a")]
    return [item.seq for item in followed if isinstance(item, JournalEntry)]


def decoded(telling: bytes) -> dict[str, list[JournalEntry]]:
    return msgspec.msgpack.decode(telling, type=Telling).entries
