"""The timer, on a clock of our own."""

from __future__ import annotations

import gc
import itertools

import pytest

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


def test_the_cores_that_each_kept_busy_are_told(bench):
    bench.own_cores = 1.5

    found = measure_pair(bench.call("a", 1.0), bench.call("b", 1.0), budget_s=0, clock=bench.clock)

    assert found.ours_cores == pytest.approx(1.5)
    assert found.peer_cores == pytest.approx(1.5)


def disturbed(bench, call, waits_s):
    """The call, and in its turn a wait for a core, which makes it longer."""
    waits = itertools.chain(waits_s, itertools.repeat(0.0))

    def step():
        call()
        wait_s = next(waits)
        bench.waited_s += wait_s
        bench.advance(wait_s)

    return step


def test_pairs_in_which_threads_waited_for_a_core_do_not_count(bench):
    ours = disturbed(bench, bench.call("a", 1.0), [0.0, 0.0, 3.0, 0.0, 5.0])

    found = measure_pair(
        ours, bench.call("b", 2.0), budget_s=30.0, least_blocks=3, clock=bench.clock
    )

    assert not found.is_disturbed
    assert found.ratio == Spread(2.0, 2.0, 2.0)
    assert found.waited == 0.0
    assert found.tried == found.blocks + 2


def test_patience_is_for_pairs_that_are_quiet(bench):
    ours = disturbed(bench, bench.call("a", 1.0), [0.0, 0.0, 1.0, 1.0, 1.0, 1.0])

    found = measure_pair(
        ours,
        bench.call("b", 1.0),
        budget_s=0.0,
        patience_s=1000.0,
        least_blocks=2,
        clock=bench.clock,
    )

    assert not found.is_disturbed
    assert (found.blocks, found.tried) == (2, 6)


def test_where_too_few_pairs_are_quiet_all_count_and_it_is_said(bench):
    ours = disturbed(bench, bench.call("a", 1.0), [0.0, 0.0, 1.0, 1.0, 1.0])

    found = measure_pair(
        ours, bench.call("b", 2.0), budget_s=0.0, least_blocks=4, clock=bench.clock
    )

    assert found.is_disturbed
    assert (found.blocks, found.tried) == (4, 4)
    assert found.ratio == Spread(1.0, 1.0, 1.25)
    assert found.waited == pytest.approx(3 / 15)


def test_where_waiting_is_not_told_every_pair_counts(bench):
    bench.waited_s = None

    found = measure_pair(bench.call("a", 1.0), bench.call("b", 1.0), budget_s=0, clock=bench.clock)

    assert found.waited is None
    assert not found.is_disturbed


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


def test_a_block_waits_for_threads_that_still_spin(bench):
    bench.spinning_looks = 2

    measure_pair(
        bench.call("a", 1.0), bench.call("b", 1.0), budget_s=0, least_blocks=2, clock=bench.clock
    )

    assert bench.now_s == pytest.approx(8.002)


def test_a_thread_that_never_rests_ends_the_measurement(bench):
    bench.spinning_looks = 10**9

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
