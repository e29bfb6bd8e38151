"""What the system says of our threads, of real ones."""

from __future__ import annotations

import os
import threading
import time
import zlib

import pytest

from benchmarks import own_threads

pytestmark = pytest.mark.skipif(
    not own_threads.TASKS.exists(), reason="the system does not say what threads do"
)


@pytest.fixture
def spin():
    """Starts threads that work until the test is over, or until they are told to stop."""
    over = threading.Event()
    threads = []

    def start(work):
        threads.append(threading.Thread(target=lambda: [work() for _ in iter(over.is_set, True)]))
        threads[-1].start()
        return over.set

    yield start
    over.set()
    for thread in threads:
        thread.join()


def test_a_thread_at_work_is_seen(spin):
    spin(lambda: sum(range(10_000)))

    assert any(own_threads.others_work() for _ in range(1000))


def test_a_thread_that_waits_is_not_at_work(spin):
    wait = threading.Event()
    stop = spin(lambda: wait.wait(60))
    try:
        assert any(not own_threads.others_work() for _ in range(1000))
    finally:
        stop()
        wait.set()


def test_threads_that_are_more_than_the_cores_wait_for_one(spin):
    before = own_threads.waited_s()
    block = b"x" * 10_000_000

    for _ in range(2 * len(os.sched_getaffinity(0)) + 1):
        spin(lambda: zlib.crc32(block))

    assert any(own_threads.waited_s() > before + 0.01 for _ in range(100_000))


def test_where_the_system_says_nothing_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setattr(own_threads, "TASKS", tmp_path)

    assert own_threads.others_work() is None
    assert own_threads.waited_s() is None


def test_time_on_a_core_is_not_waiting():
    waited_s, cpu_s, wall_s = own_threads.waited_s(), time.process_time(), time.perf_counter()

    while time.process_time() < cpu_s + 0.1:
        pass

    waited_s, cpu_s = own_threads.waited_s() - waited_s, time.process_time() - cpu_s
    wall_s = time.perf_counter() - wall_s
    assert waited_s <= wall_s - cpu_s + 0.01
