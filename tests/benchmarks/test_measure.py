"""The timer, on a clock of our own."""

from __future__ import annotations

import gc
import itertools
import threading

import pytest

from benchmarks import measure
from benchmarks.measure import Ledger, Spread, measure_alone, measure_pair


def test_the_ratio_is_how_many_times_longer_the_peer_takes(bench):
    found = measure_pair(
        bench.call("ours", 0.25), bench.call("peer", 0.5), budget_s=0, clock=bench.clock
    )

    assert found.ours_s == Spread(0.25, 0.25, 0.25)
    assert found.peer_s == Spread(0.5, 0.5, 0.5)
    assert found.ratio == Spread(2, 2, 2)
    assert found.blocks == 5


def test_blocks_of_both_come_in_turn(bench):
    measure_pair(
        bench.call("a", 1.0), bench.call("b", 1.0), budget_s=0, least_blocks=3, clock=bench.clock
    )

    assert bench.calls[-6:] == ["a", "b", "a", "b", "a", "b"]


def test_short_calls_are_timed_many_at_a_time_after_one_that_is_not(bench):
    measure_pair(
        bench.call("a", 0.25),
        bench.call("b", 4.0),
        budget_s=0,
        block_s=1.0,
        least_blocks=2,
        clock=bench.clock,
    )

    assert "".join(bench.calls).endswith("b" + 2 * ("a" + 4 * "a" + "b"))


def test_measuring_goes_on_until_the_budget_is_spent(bench):
    found = measure_pair(
        bench.call("a", 1.0), bench.call("b", 1.0), budget_s=104.0, clock=bench.clock
    )

    assert found.blocks == 50  # two seconds each, after four of warm-up


def test_a_slower_machine_slows_both_and_leaves_the_ratio(bench):
    slowness = itertools.chain([1.0] * 4, itertools.cycle([1.0, 1.0, 8.0, 8.0]))

    def call(seconds):
        return lambda: bench.advance(seconds * next(slowness))

    found = measure_pair(call(1.0), call(3.0), budget_s=0, least_blocks=4, clock=bench.clock)

    assert found.ours_s == Spread(4.5, 1.0, 8.0)
    assert found.ratio == Spread(3, 3, 3)


def test_quartiles_hold_the_middle_half():
    assert Spread.of([5.0, 1.0, 4.0, 2.0, 3.0]) == Spread(3.0, 2.0, 4.0)


def test_cores_are_told_of_us_and_of_others(bench):
    bench.own_cores, bench.other_cores = 2.0, 0.5

    found = measure_pair(bench.call("a", 1.0), bench.call("b", 1.0), budget_s=0, clock=bench.clock)

    assert found.ours_cores == pytest.approx(2.0)
    assert found.peer_cores == pytest.approx(2.0)
    assert found.other_cores == pytest.approx(0.5)


def test_nothing_is_collected_meanwhile(bench):
    during = []

    measure_pair(
        lambda: during.append(gc.isenabled()) or bench.advance(1.0),
        bench.call("b", 1.0),
        budget_s=0,
        clock=bench.clock,
    )

    assert not any(during)
    assert gc.isenabled()


def test_collection_comes_back_after_an_error(bench):
    def fails():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        measure_pair(fails, fails, budget_s=0, clock=bench.clock)

    assert gc.isenabled()


def test_a_block_waits_for_threads_that_still_spin(bench, monkeypatch):
    spinning = iter([True, True, False])
    monkeypatch.setattr(measure, "_others_work", lambda: next(spinning, False))

    measure_pair(
        bench.call("a", 1.0), bench.call("b", 1.0), budget_s=0, least_blocks=2, clock=bench.clock
    )

    assert bench.now_s == pytest.approx(8.002)


@pytest.mark.skipif(not measure.TASKS.exists(), reason="the system does not say what threads do")
def test_a_thread_at_work_is_seen_and_one_that_waits_is_not():
    asked, quits = threading.Event(), threading.Event()
    waiting = threading.Thread(target=quits.wait)
    waiting.start()

    def spin():
        while not asked.is_set():
            pass

    spinning = threading.Thread(target=spin)
    try:
        spinning.start()
        assert any(measure._others_work() for _ in range(1000))
        asked.set()
        spinning.join()
        assert any(not measure._others_work() for _ in range(1000))
    finally:
        asked.set()
        quits.set()
        waiting.join()


def test_a_thread_that_never_rests_ends_the_measurement(bench, monkeypatch):
    monkeypatch.setattr(measure, "_others_work", lambda: True)

    with pytest.raises(RuntimeError, match="another thread"):
        measure_pair(bench.call("a", 1.0), bench.call("b", 1.0), budget_s=0, clock=bench.clock)


def test_a_ledger_takes_inner_time_off_the_outer(bench):
    ledger = Ledger(bench.clock.wall)

    with ledger.entry("outer"):
        bench.advance(1.0)
        with ledger.entry("inner"):
            bench.advance(2.0)
        with ledger.entry("inner"):
            bench.advance(4.0)

    assert ledger.seconds == {"outer": 1.0, "inner": 6.0}
    assert ledger.calls == {"outer": 1, "inner": 2}


def test_a_call_alone_is_timed_by_its_median(bench):
    turns = iter([50.0, 1.0, 9.0, 2.0])

    found = measure_alone(lambda: bench.advance(next(turns)), count=3, clock=bench.clock.wall)

    assert found == 2.0
