"""The supervisor's decisions, without a process, a thread or a Registry."""

from __future__ import annotations

from typing import Any

from azuraforge.actors.runtimes.supervisor import (
    ASLEEP_S,
    SILENT,
    TICK_S,
    Beat,
    GiveUp,
    Look,
    Start,
    Supervisor,
)
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec
from tests.conftest import Clock


def record(run: str = "a", state: Any = "lost", attempt: int = 0, attempts: int = 3) -> RunRecord:
    spec = RunSpec(plugin="tiny", attempts=attempts)
    return RunRecord(id=run, spec=spec, state=state, created_at=0, attempt=attempt)


def test_a_run_that_is_accepted_gets_a_trainer() -> None:
    queued = record(state="queued")

    assert Supervisor(Clock()).accept(queued) == [Start(queued, after=0)]


def test_a_run_whose_trainer_dies_gets_another_until_its_attempts_are_used_up() -> None:
    supervisor = Supervisor(Clock())
    supervisor.accept(record(state="queued"))

    deeds = [supervisor.died(record(attempt=number), "out of memory") for number in (1, 2, 3)]

    last = record(attempt=3)
    cause = "3 of 3 attempts were lost, the last because out of memory"
    assert deeds == [
        [Start(record(attempt=1), after=1)],
        [Start(record(attempt=2), after=2)],
        [GiveUp(last, cause)],
    ]
    assert supervisor.died(last, "again") == []


def test_trainers_that_die_before_they_begin_are_counted_as_well() -> None:
    supervisor = Supervisor(Clock())
    queued = record(state="queued", attempts=2)
    supervisor.accept(queued)

    again = supervisor.died(queued, "no memory")
    given_up = supervisor.died(queued, "no memory")

    assert again == [Start(queued, after=0)]
    assert isinstance(given_up[0], GiveUp)


def test_a_run_that_others_have_taken_up_is_left_to_them() -> None:
    supervisor = Supervisor(Clock())
    supervisor.accept(record(state="queued"))

    assert supervisor.died(record(attempt=2, state="running"), "killed") == []
    assert supervisor.tick() == []


def test_a_run_that_has_ended_is_not_started_again() -> None:
    supervisor = Supervisor(Clock())
    supervisor.accept(record(state="queued"))

    assert supervisor.died(record(state="stopped", attempt=1), "killed") == []


def test_a_silent_run_of_ours_is_started_again_once() -> None:
    supervisor = Supervisor(Clock())
    supervisor.accept(record(state="queued"))
    supervisor.began("a")
    silent = record(attempt=1)

    first, second = supervisor.lost([silent]), supervisor.lost([silent])

    assert first == [Start(silent, after=1)]
    assert second == []  # its Trainer is on its way


def test_others_runs_are_taken_up_by_who_adopts() -> None:
    lost = [record("a", attempt=1), record("b", attempt=0), record("c", attempt=3)]

    by_none = Supervisor(Clock()).lost(lost)
    by_one = Supervisor(Clock(), adopts=True).lost(lost)

    assert by_none == []
    assert by_one[:2] == [Start(lost[0], after=1), Start(lost[1], after=0)]
    assert by_one[2] == GiveUp(lost[2], f"3 of 3 attempts were lost, the last because {SILENT}")


def test_a_run_that_could_not_go_on_here_is_taken_up_again_only_if_somebody_says_so() -> None:
    supervisor = Supervisor(Clock(), adopts=True)
    lost = record(attempt=1)

    supervisor.leave("a")

    assert supervisor.lost([lost]) == []
    assert supervisor.accept(lost) == [Start(lost, after=1)]


def test_a_run_that_is_resumed_by_hand_may_have_had_all_its_attempts() -> None:
    supervisor = Supervisor(Clock())
    lost = record(attempt=3)

    assert supervisor.accept(lost, accepts_differences=True) == [Start(lost, 3, True)]


def test_a_queued_run_beats_until_its_trainer_does(clock: Clock) -> None:
    supervisor = Supervisor(clock)
    supervisor.accept(record(state="queued"))

    waiting = supervisor.tick()
    supervisor.began("a")
    clock.advance(TICK_S)

    assert waiting == [Beat("a"), Look()]
    assert supervisor.tick() == [Look()]


def test_who_has_no_run_in_hand_looks_only_to_adopt(clock: Clock) -> None:
    assert Supervisor(clock).tick() == []
    assert Supervisor(clock, adopts=True).tick() == [Look()]


def test_who_stood_still_takes_nobody_elses_silence_for_death(clock: Clock) -> None:
    supervisor = Supervisor(clock, adopts=True)
    supervisor.tick()

    clock.advance(3600)
    first = supervisor.tick()
    clock.advance(ASLEEP_S - TICK_S)
    supervisor.tick()
    clock.advance(TICK_S)

    assert first == []
    assert supervisor.tick() == [Look()]
