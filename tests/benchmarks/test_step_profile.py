"""Where a step's time goes."""

from __future__ import annotations

import itertools

import pytest

from azuraforge.engine.ops.implementation import Implementation
from azuraforge.engine.ops.op import Op
from benchmarks import step_profile
from benchmarks.measure import Clock
from benchmarks.step_profile import OPTIMIZER, REST, profile, table
from benchmarks.suite import SMALLEST

MLP = SMALLEST[0]


def test_every_op_of_a_step_has_a_line_with_both_ways():
    lines = {line.name: line for line in profile(MLP, steps=3, clock=Clock().wall).lines}

    assert lines.keys() >= {"linear", "relu", "cross_entropy", OPTIMIZER, REST}
    assert lines["linear"].calls == 2
    assert lines["linear"].forward_ms > 0
    assert lines["linear"].backward_ms > 0


def test_the_lines_add_up_to_the_time_that_passed():
    ticks = itertools.count()

    found = profile(MLP, steps=2, clock=lambda: float(next(ticks)))

    first, last, between_steps = 2 * 2, next(ticks) - 1, 1  # two readings per step not profiled
    passed_ms = 1e3 * (last - first - between_steps) / 2
    assert sum(line.total_ms for line in found.lines) == pytest.approx(passed_ms)


def test_afterwards_nothing_is_watched():
    before = Op.run, Implementation.input_gradients

    profile(MLP, steps=1, clock=Clock().wall)

    assert (Op.run, Implementation.input_gradients) == before


def test_the_table_has_the_longest_line_first():
    found = profile(MLP, steps=2, clock=Clock().wall)

    names = [line.name for line in found.lines]
    totals = [line.total_ms for line in found.lines]
    assert totals == sorted(totals, reverse=True)
    assert [row[: step_profile.NAME].strip() for row in table(found).splitlines()[1:-1]] == names


def test_an_unknown_row_is_told_in_a_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        step_profile.main(["nothing"])

    assert ended.value.code == 2
    assert "no row 'nothing'" in capsys.readouterr().err
