from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from azuraforge.actors.runtimes.worker import Awaitable, Blocking, Worker, result_of
from azuraforge.errors import RefusedError


class Counter:
    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []

    def add(self, number: int) -> int:
        self.seen.append((number, threading.current_thread().name))
        return number + 1

    def fail(self) -> None:
        raise KeyError("x")


def test_calls_are_made_by_one_thread_in_the_order_they_were_given() -> None:
    counter, worker = Counter(), Worker("own")

    results = [worker.submit(counter.add, number) for number in range(100)]
    worker.close()

    assert [result.result() for result in results] == list(range(1, 101))
    assert counter.seen == [(number, "own") for number in range(100)]


def test_what_a_call_raises_is_its_result_and_the_next_call_is_made() -> None:
    counter, worker = Counter(), Worker("own")

    failed, next_ = worker.submit(counter.fail), worker.submit(counter.add, 1)
    worker.close()

    assert isinstance(failed.exception(), KeyError)
    assert next_.result() == 2


def test_a_call_that_is_cancelled_before_its_turn_is_not_made() -> None:
    counter, worker, gate = Counter(), Worker("own"), threading.Event()
    worker.submit(gate.wait, 20)
    call = worker.submit(counter.add, 1)

    call.cancel()
    gate.set()
    worker.close()

    assert counter.seen == []


def test_a_closed_worker_refuses_calls() -> None:
    worker = Worker("own")
    worker.close()

    with pytest.raises(RefusedError, match="closed"):
        worker.submit(print)


def test_a_blocking_method_returns_what_the_worker_found() -> None:
    worker = Worker("own")

    found = Blocking(Counter(), worker).add(1)
    worker.close()

    assert found == 2


def test_an_awaited_method_works_in_one_event_loop_after_the_other() -> None:
    counter, worker = Counter(), Worker("own")
    handle = Awaitable(counter, worker)

    first, second = asyncio.run(handle.add(1)), asyncio.run(handle.add(2))
    with pytest.raises(KeyError):
        asyncio.run(handle.fail())
    worker.close()

    assert (first, second) == (2, 3)


def test_giving_up_a_wait_leaves_the_future_and_its_other_waiters_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shared: Future[int] = Future()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(result_of(shared), timeout=0.001)

    asyncio.run(give_up())
    shared.set_result(7)  # would call back into the closed loop, and raise there

    assert asyncio.run(result_of(shared)) == 7
    assert caplog.text == ""
