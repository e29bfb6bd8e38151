"""What is said of the first steps of processes."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")

from benchmarks import start
from benchmarks.measure import Clock
from benchmarks.start import Start, here, line
from benchmarks.suite import SMALLEST


def test_the_first_step_and_a_replayed_one_are_timed():
    ticks = itertools.accumulate([10.0, 4.0, 3.0, 2.0, 1.0])

    found = here(SMALLEST[0], Clock(wall=lambda: next(ticks)))

    assert found == Start(first_s=4.0, replayed_s=1.0)


def test_a_row_shows_the_cold_start_and_the_median_of_the_warm():
    warm = [Start(first_s=seconds, replayed_s=0.01) for seconds in (0.5, 0.3, 9.0)]

    told = line(SMALLEST[0], [Start(first_s=5.0, replayed_s=0.01), *warm])

    assert "cold   5.00 s, warm  0.50 s" in told


@pytest.mark.parametrize(("warm_s", "status"), [(0.5, 0), (0.51, 1)])
def test_a_slow_start_is_the_exit_status(monkeypatch, capsys, warm_s, status):
    found = [Start(first_s=seconds, replayed_s=0.01) for seconds in (15.0, warm_s)]
    monkeypatch.setattr(start, "starts", lambda workload, warm: iter(found))

    assert start.main(["--rows", "gru"]) == status
    assert "gru-128" in capsys.readouterr().out


@pytest.mark.slow
def test_a_second_process_finds_what_the_first_compiled():
    cold, warm = start.starts(start.chosen(["mlp-64-64-10"])[0], warm=1)

    assert warm.first_s < cold.first_s / 3
