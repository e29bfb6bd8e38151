"""How time grows: the fit with made-up times, the work beside another count of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import azuraforge
from azuraforge.engine.threads import threads
from benchmarks import library, scaling
from benchmarks.families import FAMILIES, UPDATE, Family
from benchmarks.scaling import exponent, growths, line, medians_s
from benchmarks.workload import Side

SIZES = (1, 2, 4, 8, 16, 32)


@pytest.fixture(autouse=True)
def restored():
    before = threads()
    yield
    azuraforge.set_threads(before)


def small(family: Family) -> Family:
    """The family, growing along one axis from next to nothing."""
    sizes = replace(family.fixed, batch=2, width=4, depth=1)
    return replace(family, fixed=sizes, growth={"batch": (1, 2, 3)})


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5, 2.0])
def test_a_power_of_the_size_is_found(power):
    assert exponent(SIZES, [3e-6 * size**power for size in SIZES]) == pytest.approx(power)


def test_what_the_smaller_half_takes_does_not_count():
    times = [9.0, 9.0, 9.0, 8.0**2, 16.0**2, 32.0**2]

    assert exponent(SIZES, times) == pytest.approx(2.0)


def test_of_times_that_lie_on_no_line_it_is_the_least_squares():
    times = [1.0, 1.0, 1.0, 5.0, 13.0, 21.0]

    expected = np.polyfit(np.log(SIZES[3:]), np.log(times[3:]), 1)[0]
    assert exponent(SIZES, times) == pytest.approx(expected)


def test_sizes_are_timed_in_turn_by_the_cpus_clock(bench):
    bench.own_cores = 0.5
    steps = [bench.call("a", 1.0), bench.call("b", 2.0)]

    found = medians_s(steps, budget_s=13.0, clock=bench.clock)

    assert found == [0.5, 1.0]
    assert bench.calls == [*"aaaabbbb"] * 2  # each time one that is not counted


@pytest.mark.parametrize(
    ("family", "attention"),
    # PyTorch does not count attention: 7 products, 8 wide, of the 15 pairs of 5 places, 3 rows of 2
    [(FAMILIES[0], 0), (FAMILIES[2], 2 * 7 * 8 * 15 * 3 * 2)],
    ids=["MLP", "GPT"],
)
def test_the_work_is_what_pytorch_counts_and_the_updates(family, attention):
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")
    from torch.utils.flop_counter import FlopCounterMode

    sizes = replace(family.fixed, batch=3, width=8, depth=2, sequence=5)
    side = Side(library.peer(), family.workload(sizes))
    with FlopCounterMode(display=False) as counter:
        side.train_step(*side.batches[0])

    linear = [layer for layer in side.model.modules() if isinstance(layer, torch.nn.Linear)]
    updates = UPDATE * sum(layer.weight.numel() for layer in linear)
    assert family.work(sizes) == counter.get_total_flops() + updates + attention


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_growth_has_its_sizes_times_and_work(family):
    (found,) = growths([small(family)], budget_s=0.0)

    assert (found.model, found.axis, found.sizes) == (family.name, "batch", (1, 2, 3))
    assert found.fitted_from == 2
    assert all(ms > 0 for ms in found.ms)
    assert found.work_exponent == pytest.approx(exponent((1, 2, 3), found.operations), abs=1e-3)


def test_json_is_an_object_per_growth_with_both_exponents(monkeypatch, capsys):
    (found,) = growths([small(FAMILIES[0])], budget_s=0.0)
    monkeypatch.setattr(scaling, "growths", lambda: iter([found]))

    scaling.main(["--json"])

    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert row["time_exponent"] == found.time_exponent
    assert row["work_exponent"] == found.work_exponent


def test_a_line_shows_the_sizes_that_were_fitted():
    (found,) = growths([small(FAMILIES[0])], budget_s=0.0)

    assert line(found).split()[:3] == ["MLP", "batch", "2-3"]
