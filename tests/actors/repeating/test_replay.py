from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from azuraforge.actors.repeating.replay import replay
from azuraforge.errors import ConfigError, DataError, RefusedError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import Intervened, RunStarted, RunStopped
from azuraforge.schema.specs import RunSpec
from tests.actors.journaled import Journaled

STEPS = 9  # three epochs of three batches; a checkpoint after every second step
SET_LR = Command(name="set", path="optim.lr", value=0.01)


@pytest.fixture
def registry() -> Journaled:
    return Journaled()


def test_a_run_done_again_is_identical_and_writes_nothing(registry: Journaled) -> None:
    run = registry.train()
    before = set(registry.blobs._blobs)

    report = replay(registry, registry.blobs, run)

    assert report.difference is None
    assert (report.first_seq, report.last_seq) == (1, registry.records[run].last_seq)
    assert (report.from_step, report.to_step, report.steps_done) == (0, STEPS, STEPS)
    assert report.checkpoint is None
    assert report.provenance == []
    assert set(registry.blobs._blobs) == before


@pytest.mark.parametrize(
    "asked",
    [
        [(4, SET_LR)],
        [
            (3, Command(name="pause")),
            (3, Command(name="step", count=2)),
            (5, Command(name="resume")),
        ],
        [(2, Command(name="checkpoint")), (7, Command(name="stop", reason="enough"))],
    ],
)
def test_interventions_are_repeated_at_their_steps(
    registry: Journaled, asked: list[tuple[int, Command]]
) -> None:
    run = registry.train(*asked)

    assert replay(registry, registry.blobs, run).difference is None


@cache
def trained() -> Journaled:
    """A registry with one run, for examples that only look at it."""
    registry = Journaled()
    registry.train((5, SET_LR))
    return registry


@given(start=st.integers(0, STEPS), steps=st.integers(0, STEPS))
def test_a_part_is_done_again_from_the_nearest_checkpoint(start: int, steps: int) -> None:
    registry, run, end = trained(), "run-1", min(start + steps, STEPS)

    report = replay(registry, registry.blobs, run, from_step=start, to_step=end)

    nearest = start // 2 * 2
    assert report.difference is None
    assert (report.from_step, report.to_step) == (nearest, end)
    assert end - nearest <= report.steps_done <= end - nearest + 1
    assert (report.checkpoint is None) == (nearest == 0)


def test_the_first_difference_is_told_with_both_values(registry: Journaled) -> None:
    run = registry.train()
    seq = registry.seq_of(run, 6)
    true = registry.journals[run][seq - 1].event.loss
    registry.change(run, seq, loss=0.5)

    report = replay(registry, registry.blobs, run)

    assert report.difference is not None
    assert (report.difference.seq, report.difference.step) == (seq, 6)
    assert report.difference.event == "step"
    (found,) = report.difference.differences
    assert (found.path, found.one, found.other) == ("loss", 0.5, true)
    assert (report.last_seq, report.steps_done) == (seq, 6)


def test_an_intervention_that_the_journal_lacks_is_told_by_its_kind(registry: Journaled) -> None:
    run = registry.train((4, SET_LR))
    events = [entry.event for entry in registry.journals[run]]
    others = [event for event in events if not isinstance(event, Intervened)]
    registry.write(run, registry.records[run].spec, others)

    report = replay(registry, registry.blobs, run)

    assert report.difference is not None
    assert (report.difference.event, report.difference.step) == ("step", 5)
    assert {found.path for found in report.difference.differences} == {"digest", "lr"}


def test_a_chain_that_was_broken_is_told_though_every_event_is_right(registry: Journaled) -> None:
    run = registry.train()
    entries = registry.journals[run]
    entries[4] = structs.replace(entries[4], chain="0" * 64)

    report = replay(registry, registry.blobs, run)

    assert report.difference is not None
    assert report.difference.seq == 5
    assert [found.path for found in report.difference.differences] == ["chain"]


def test_other_code_is_told_and_is_no_difference_by_itself(registry: Journaled) -> None:
    run = registry.train()
    started = registry.journals[run][0].event
    assert isinstance(started, RunStarted)
    assert started.provenance is not None
    registry.change(run, 1, provenance=structs.replace(started.provenance, code="f" * 64))

    report = replay(registry, registry.blobs, run, to_step=1)

    assert report.difference is None
    assert len(report.provenance) == 1
    assert report.provenance[0].startswith("the code was ffffffffffff, and is ")


def test_a_damaged_checkpoint_is_passed_over(
    registry: Journaled, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = registry.train()
    damaged = registry.checkpoints(run)[2]
    read = registry.blobs.get

    def get(sha256: str) -> bytes:
        if sha256 == damaged.sha256:
            raise DataError("a bit has flipped")
        return read(sha256)

    monkeypatch.setattr(registry.blobs, "get", get)
    report = replay(registry, registry.blobs, run, from_step=damaged.step, to_step=7)

    assert report.difference is None
    assert report.from_step == damaged.step - 2


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 3), (0, 10), (10, 10)])
def test_steps_that_were_not_done_are_refused_with_the_range(
    registry: Journaled, start: int, end: int
) -> None:
    run = registry.train()

    with pytest.raises(ConfigError, match="allowed: within 0 to 9"):
        replay(registry, registry.blobs, run, from_step=start, to_step=end)


def test_a_run_that_was_stopped_while_it_was_queued_cannot_be_done_again(
    registry: Journaled,
) -> None:
    registry.write("queued", RunSpec(plugin="tiny"), [RunStopped(step=0, reason="not now")])

    with pytest.raises(RefusedError, match="run queued was never begun"):
        replay(registry, registry.blobs, "queued")


def test_each_step_is_told_as_it_is_compared(registry: Journaled) -> None:
    run, told = registry.train(), list[Any]()

    replay(registry, registry.blobs, run, to_step=2, on_step=lambda *at: told.append(at))

    assert list(dict.fromkeys(told)) == [(0, 2), (1, 2), (2, 2)]


def test_a_run_that_stopped_early_goes_on_where_its_patience_is_raised_at_its_end() -> None:
    registry = Journaled()
    config = {"optim.lr": 0.12, "training.epochs": 30, "training.patience": 1}
    early = registry.records[registry.train(seed=3, **config)].step
    raised = Command(name="set", path="training.patience", value=30)

    run = registry.train((early, raised), seed=3, **config)

    assert early < registry.records[run].step == 90
    assert replay(registry, registry.blobs, run).difference is None


@pytest.mark.parametrize("start", [0, 3, 6, 7])
def test_a_rollback_is_repeated_from_wherever_it_begins(registry: Journaled, start: int) -> None:
    far_too_high = Command(name="set", path="optim.lr", value=100)
    run = registry.train((6, far_too_high), every_steps=6, **{"training.on_nan": "rollback"})
    commands = [
        entry.event.command
        for entry in registry.journals[run]
        if isinstance(entry.event, Intervened)
    ]

    report = replay(registry, registry.blobs, run, from_step=start)

    assert "rollback" in commands
    assert report.difference is None
    assert report.last_seq == registry.records[run].last_seq
