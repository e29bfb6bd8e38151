from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from azuraforge.chaos.row import Case, Row
from azuraforge.chaos.running import run_row


def row(inject, *needs) -> Row:
    return Row(
        name="made-up",
        component="none",
        injected="nothing",
        expected="nothing",
        inject=inject,
        times=3,
        needs=needs,
    )


def holds(case: Case) -> Iterator[str]:
    yield from [""] * case.times


def test_a_row_whose_promise_holds_every_time_has_passed():
    result = run_row(row(holds))

    assert (result.state, result.times, result.passed) == ("passed", 3, 3)


def test_the_first_failure_is_told_and_the_others_are_counted():
    def inject(case: Case) -> Iterator[str]:
        yield from ["", "lost event 7", "lost event 9"]

    result = run_row(row(inject))

    assert (result.state, result.times, result.passed) == ("failed", 3, 1)
    assert result.failure == "lost event 7"


def test_a_row_that_raises_has_failed_of_that():
    def inject(case: Case) -> Iterator[str]:
        yield ""
        raise OSError("no such disk")

    result = run_row(row(inject))

    assert (result.state, result.passed) == ("failed", 1)
    assert result.failure == "broke off: OSError: no such disk"


def test_a_row_that_injects_nothing_has_not_passed():
    assert run_row(row(lambda case: iter(()))).failure == "nothing was injected"


def test_a_row_that_needs_what_is_not_here_says_so_and_injects_nothing():
    def inject(case: Case) -> Iterator[str]:
        raise AssertionError

    result = run_row(row(inject, lambda: "", lambda: "no loop devices"))

    assert (result.state, result.reason) == ("not possible here", "no loop devices")


@pytest.mark.parametrize("end", [OSError("broken"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_what_a_row_made_is_undone_however_it_ends(end):
    undone = []

    def inject(case: Case) -> Iterator[str]:
        undone.append(case.folder)
        case.undo.callback(undone.append, "disk")
        yield ""
        raise end

    try:
        run_row(row(inject))
    except KeyboardInterrupt:
        assert isinstance(end, KeyboardInterrupt)

    folder, disk = undone
    assert disk == "disk"
    assert not Path(folder).exists()


def test_the_same_seed_hits_the_same_places():
    hit: list[list[float]] = []

    def inject(case: Case) -> Iterator[str]:
        hit.append([case.rng.random() for _ in range(case.times)])
        yield ""

    for seed in (1, 1, 2):
        run_row(row(inject), seed=seed)

    assert hit[0] == hit[1] != hit[2]
