"""Attempts, requests, checkpoints and forks: what keeps a run one run whoever works on it."""

from __future__ import annotations

import hashlib
from itertools import count

import msgspec
import pytest

from azuraforge.actors.recording.attempts import LEASE_S
from azuraforge.actors.recording.registry import Registry
from azuraforge.errors import FencedError, RefusedError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
    Telemetry,
)
from azuraforge.schema.records import Ack, Batch, ForkPoint
from azuraforge.schema.specs import CheckpointPolicy, RunSpec

SPEC = RunSpec(plugin="images", checkpoint=CheckpointPolicy(keep_last=2))
STARTED = RunStarted(
    spec_hash="0" * 64,
    model="digits",
    monitor="accuracy",
    mode="max",
    parameters=10,
    samples={"train": 80},
    epochs=2,
    steps=20,
    threads=1,
)
FINISHED = RunFinished(
    step=20, best_epoch=1, validation={"accuracy": 0.9}, test={}, weights="ab" * 32
)
SET = Command(name="set", path="optim.lr", value=0.01)


pytestmark = pytest.mark.usefixtures("any_database")


@pytest.fixture
def registry(tmp_path, clock):
    ids = (f"run-{number}" for number in count(1))
    registry = Registry(tmp_path, clock=clock, new_id=lambda: next(ids))
    yield registry
    registry.close()


def step(number: int) -> StepFinished:
    return StepFinished(step=number, epoch=1, loss=0.5, lr=0.1, grad_norm=1.0)


def saved(step: int) -> CheckpointSaved:
    return CheckpointSaved(step=step, epoch=1, sha256=f"{step:064x}")


def evaluated(step: int, *, is_best: bool) -> EpochFinished:
    return EpochFinished(
        epoch=1, step=step, train={}, validation={"accuracy": 0.5}, is_best=is_best
    )


def done(step: int, command: str, request: int | None, **more: object) -> Intervened:
    return Intervened(step=step, command=command, request=request, **more)


def running(registry: Registry, *events: Event, spec: RunSpec = SPEC) -> str:
    """The id of a run whose journal holds these events behind its start."""
    run = registry.create_run(spec).id
    registry.append(run, 1, [STARTED, *events])
    return run


# ----------------------------------------------------------------------------------- attempts


def test_an_attempt_has_all_that_a_trainer_needs_to_go_on(registry):
    change = done(1, "set", 1, path="optim.lr", value=0.01)
    run = running(registry, step(1))
    registry.command(run, SET)
    registry.append(run, 3, [change, saved(1), step(2)])
    registry.command(run, Command(name="pause"))

    attempt = registry.begin_attempt(run, "host:1", accepts_differences=True)

    assert (attempt.number, attempt.known_seq, attempt.spec) == (1, 5, SPEC)
    assert attempt.accepts_differences
    assert [one.step for one in attempt.checkpoints] == [1]
    assert attempt.requests == [Request(number=2, command=Command(name="pause"))]
    assert [entry.event for entry in attempt.journal] == [STARTED, change]


def test_the_latest_attempt_alone_may_write(registry):
    run = registry.create_run(SPEC).id
    first = registry.begin_attempt(run, "a").number
    registry.append(run, 1, [STARTED], attempt=first)
    second = registry.begin_attempt(run, "b").number
    telemetry = Telemetry(step=1, elapsed_s=1.0, samples_per_s=1.0, eta_s=1.0)

    for write in (
        lambda: registry.append(run, 2, [step(1)], attempt=first),
        lambda: registry.append(run, 1, [STARTED], attempt=first),
        lambda: registry.append(run, 2, [], attempt=first),
        lambda: registry.report(run, telemetry, attempt=first),
        lambda: registry.accept_differences(run, ["the CPU"], attempt=first),
        lambda: registry.lose(run, "killed", attempt=first),
    ):
        with pytest.raises(FencedError, match="attempt 1 may write no more, since attempt 2"):
            write()

    assert registry.append(run, 2, [step(1)], attempt=second) == Ack(durable_seq=2)
    with pytest.raises(RefusedError, match="got attempt 3, but the latest that was given is 2"):
        registry.append(run, 3, [step(2)], attempt=3)


def test_a_trainer_that_is_silent_for_a_lease_is_lost_and_its_sign_of_life_brings_it_back(
    registry, clock
):
    run = registry.create_run(SPEC).id
    registry.begin_attempt(run, "a")
    registry.append(run, 1, [STARTED, done(0, "pause", None)], attempt=1)

    clock.advance(LEASE_S)
    in_time = registry.expire()
    clock.advance(0.1)
    lost = registry.expire()
    again = registry.expire()
    states = [registry.run(run).state]
    registry.append(run, 3, [], attempt=1)
    states.append(registry.run(run).state)

    assert (in_time, again) == ([], [])
    assert [(record.id, record.state) for record in lost] == [(run, "lost")]
    assert states == ["lost", "paused"]


def test_a_beat_keeps_a_run_from_being_lost(registry, clock):
    run = registry.create_run(SPEC).id
    registry.begin_attempt(run, "a")

    for _ in range(5):
        clock.advance(LEASE_S / 2)
        registry.append(run, 1, [], attempt=1)

    assert registry.expire() == []
    assert registry.run(run).state == "queued"


def test_a_queued_run_is_lost_when_nobody_beats_for_it(registry, clock):
    kept, left = (registry.create_run(SPEC).id for _ in range(2))

    for _ in range(3):
        clock.advance(LEASE_S / 2)
        registry.append(kept, 1, [], attempt=0)

    assert [record.id for record in registry.expire()] == [left]
    assert registry.run(kept).state == "queued"


def test_a_run_that_has_ended_is_never_lost(registry, clock):
    running(registry, FINISHED)

    clock.advance(1e6)

    assert registry.expire() == []


def test_the_next_attempt_goes_on_where_the_lost_one_was(registry, clock):
    run = running(registry, step(1))
    registry.begin_attempt(run, "a")
    registry.lose(run, "its process was killed", attempt=1)

    attempt = registry.begin_attempt(run, "b")
    ack = registry.append(run, 2, [step(1), step(2)], attempt=attempt.number)

    assert (attempt.number, attempt.known_seq) == (2, 2)
    assert ack.durable_seq == 3
    assert (registry.run(run).state, registry.run(run).attempt) == ("running", 2)


def test_a_run_that_is_given_up_has_failed_and_is_a_dead_letter(registry, clock):
    run = running(registry, step(1))
    registry.begin_attempt(run, "a")

    letter = registry.give_up(run, "attempt 3 of 3: killed")

    assert (letter.run, letter.attempt, letter.at) == (run, 1, clock())
    assert registry.dead_letters() == [letter]
    assert registry.events(run)[-1].event == RunFailed(
        step=1, kind="RunError", error="attempt 3 of 3: killed"
    )
    assert registry.run(run).state == "failed"
    with pytest.raises(RefusedError, match="has ended"):
        registry.give_up(run, "again")
    with pytest.raises(RefusedError, match="has ended"):
        registry.begin_attempt(run, "b")


def test_what_differed_is_told_of_a_run_that_is_not_exact(registry):
    run = registry.create_run(SPEC).id
    registry.begin_attempt(run, "a")

    registry.accept_differences(run, ["the CPU was a, and is b"], attempt=1)
    record = registry.accept_differences(run, ["the CPU was a, and is b", "x"], attempt=1)
    registry.append(run, 1, [STARTED], attempt=1)

    assert record.not_exact == ["the CPU was a, and is b", "x"]
    assert registry.run(run).not_exact == record.not_exact


# ----------------------------------------------------------------------------------- requests


def test_a_request_is_told_until_the_event_that_it_took_effect_is_durable(registry):
    run = running(registry)

    registry.command(run, SET)
    registry.command(run, Command(name="checkpoint"))
    told = [registry.append(run, 2, [step(1)]).requests]
    told.append(registry.append(run, 3, [done(1, "set", 1)]).requests)
    told.append(registry.append(run, 4, [done(1, "checkpoint", 2)]).requests)

    assert [[one.number for one in requests] for requests in told] == [[1, 2], [2], []]
    assert told[0][0] == Request(number=1, command=SET)
    assert registry.requests(run) == []


def test_a_queued_run_keeps_what_is_asked_of_it_for_its_trainer(registry):
    run = registry.create_run(SPEC).id

    record = registry.command(run, SET)

    assert record.state == "queued"
    assert registry.begin_attempt(run, "a").requests == [Request(number=1, command=SET)]


def test_a_lost_run_stops_at_once_since_nobody_else_could_stop_it(registry):
    run = running(registry, step(1), saved(1))
    registry.begin_attempt(run, "a")
    registry.lose(run, "killed", attempt=1)

    record = registry.command(run, Command(name="stop", reason="enough"))

    assert record.state == "stopped"
    assert registry.events(run)[-1].event == RunStopped(
        step=1, reason="enough", checkpoint=f"{1:064x}"
    )


def test_a_value_that_json_cannot_say_is_refused(registry):
    run = running(registry)

    with pytest.raises(RefusedError, match=r"Command\.value is nan"):
        registry.command(run, Command(name="set", path="optim.lr", value=float("nan")))


# -------------------------------------------------------------------------------- checkpoints


def test_the_last_checkpoints_and_the_best_are_kept(registry):
    run = running(
        registry,
        *(evaluated(1, is_best=True), saved(1)),
        *(evaluated(2, is_best=True), saved(2)),
        *(evaluated(3, is_best=False), saved(3)),
    )
    registry.append(run, 8, [evaluated(4, is_best=False)])
    registry.append(run, 9, [saved(4)])

    found = [(one.step, one.is_best, one.is_kept) for one in registry.checkpoints(run)]

    assert found == [
        (4, False, True),
        (3, False, True),
        (2, True, True),
        (1, False, False),
    ]
    assert registry.referenced() == {f"{step:064x}" for step in (2, 3, 4)}


# -------------------------------------------------------------------------------------- chain


def test_the_chain_is_sha_256_over_the_chain_before_and_the_event(registry):
    events = [STARTED, step(1), step(2)]
    run = running(registry, *events[1:])
    chain = bytes(32)

    for entry, event in zip(registry.events(run), events, strict=True):
        chain = hashlib.sha256(chain + msgspec.json.encode(event, order="deterministic")).digest()
        assert entry.chain == chain.hex()

    assert registry.run(run).chain == chain.hex()


def test_equal_journals_have_equal_chains_however_they_were_appended(registry):
    one = running(registry, step(1), step(2))
    other = running(registry)
    for number in (1, 2):
        registry.append(other, number, [STARTED, step(1), step(2)][number - 1 :])

    assert registry.run(one).chain == registry.run(other).chain
    assert registry.run(one).chain != registry.run(running(registry, step(1))).chain


# -------------------------------------------------------------------------------------- forks


def test_a_fork_begins_with_its_parents_journal_up_to_the_step_and_a_kept_checkpoint(registry):
    parent = running(registry, step(1), saved(1), step(2))
    for command in (SET, Command(name="pause"), Command(name="resume"), SET):
        registry.command(parent, command)
    registry.append(
        parent,
        5,
        [
            done(2, "set", 1, path="optim.lr", value=0.01),
            done(2, "pause", 2),
            done(2, "resume", 3),
            step(3),
            step(4),
            done(4, "set", 4, path="optim.lr", value=0.01),
        ],
    )

    child = registry.fork(parent, 3, [Command(name="set", path="optim.lr", value=1.0)])
    attempt = registry.begin_attempt(child.id, "a")

    assert child.parent == ForkPoint(run=parent, step=3)
    assert (child.state, child.spec, child.last_seq, child.step) == ("queued", SPEC, 8, 3)
    assert [(one.number, one.at_step, one.command) for one in attempt.requests] == [
        (4, 3, Command(name="set", path="optim.lr", value=1.0)),
    ]
    theirs, ours = registry.events(parent), registry.events(child.id)
    assert [(one.event, one.chain) for one in ours] == [
        (one.event, one.chain) for one in theirs[:8]
    ]
    assert child.chain == theirs[7].chain
    assert [one.step for one in attempt.checkpoints] == [1]
    assert attempt.known_seq == 8
    assert registry.run(child.id).state == "running"
    assert registry.append(child.id, 9, [step(4)], attempt=1).durable_seq == 9


def test_a_fork_of_a_paused_run_is_asked_to_go_on(registry):
    parent = running(registry, step(1))
    for command in (Command(name="pause"), SET):
        registry.command(parent, command)
    registry.append(
        parent, 3, [done(1, "pause", 1), done(1, "set", 2, path="optim.lr", value=0.01)]
    )

    child = registry.fork(parent, 1).id

    assert registry.begin_attempt(child, "a").known_seq == 4
    assert [one.command.name for one in registry.requests(child)] == ["resume"]


def test_a_fork_leaves_out_how_its_parent_was_stopped(registry):
    parent = running(registry, step(1))
    registry.command(parent, Command(name="stop"))
    registry.append(parent, 3, [done(1, "stop", 1), saved(1), RunStopped(step=1, reason="")])

    child = registry.fork(parent, 1)

    assert (child.last_seq, child.ended_at, registry.requests(child.id)) == (2, None, [])


def test_a_fork_before_any_checkpoint_has_none_to_begin_from(registry):
    parent = running(registry, step(1), step(2), saved(2))

    child = registry.fork(parent, 1)

    assert (child.state, child.last_seq) == ("queued", 2)
    assert registry.begin_attempt(child.id, "a").checkpoints == []


def test_a_fork_keeps_the_blobs_its_parent_lets_go_of(registry):
    parent = running(registry, step(1), saved(1))
    child = registry.fork(parent, 1).id

    registry.append(parent, 4, [step(2), saved(2), step(3), saved(3)])

    assert [one.is_kept for one in registry.checkpoints(parent)] == [True, True, False]
    assert [one.is_kept for one in registry.checkpoints(child)] == [True]
    assert f"{1:064x}" in registry.referenced()


def test_a_fork_of_a_fork_numbers_its_requests_after_both(registry):
    parent = running(registry, step(1), step(2))
    child = registry.fork(parent, 1, [SET]).id
    registry.append(child, 3, [done(1, "set", 1, path="optim.lr", value=0.01)])

    grandchild = registry.fork(child, 1, [Command(name="checkpoint")])

    assert [(one.number, one.at_step) for one in registry.requests(grandchild.id)] == [(2, 1)]


@pytest.mark.parametrize("beyond", [-1, 3])
def test_a_step_that_was_not_done_cannot_be_forked_at(registry, beyond):
    parent = running(registry, step(1), step(2))

    with pytest.raises(RefusedError, match="allowed are 0 to 2"):
        registry.fork(parent, beyond)

    assert len(registry.runs()) == 1


def test_a_run_that_ended_can_be_forked_at_its_last_step(registry):
    parent = running(registry, step(20), saved(20), FINISHED)

    child = registry.fork(parent, 20)

    assert (child.state, child.model_version, child.ended_at) == ("queued", None, None)
    assert registry.run(parent).model_version == 1


def test_a_child_of_another_spec_is_refused(registry):
    parent = running(registry, step(1))

    with pytest.raises(RefusedError, match="has another spec"):
        registry.create_run(RunSpec(plugin="stock"), parent=ForkPoint(run=parent, step=1))


# --------------------------------------------------------------------------- groups and labels


def test_batches_of_many_runs_are_answered_each_for_itself(registry):
    one, other = (registry.create_run(SPEC).id for _ in range(2))

    answers = registry.append_many(
        [
            Batch(run=one, first_seq=1, events=[STARTED, step(1)]),
            Batch(run=other, first_seq=2, events=[step(1)]),
            Batch(run="nothing", first_seq=1, events=[STARTED]),
            Batch(run=one, first_seq=3, events=[step(2)]),
            Batch(run=other, first_seq=1, events=[STARTED, FINISHED, step(1)]),
        ]
    )

    assert answers[0] == Ack(durable_seq=2)
    assert answers[3] == Ack(durable_seq=3)
    assert "the next is 1" in str(answers[1])
    assert "no run 'nothing'" in str(answers[2])
    assert "has ended" in str(answers[4])
    assert registry.events(other) == []
    assert registry.run(other).state == "queued"


def test_runs_are_found_by_state_experiment_and_tag(registry):
    registry.create_run(SPEC, tags={"who": "ada"})
    registry.create_run(SPEC, experiment="depth", tags={"who": "bob", "gpu": ""})
    registry.append("run-1", 1, [STARTED])

    def found(**by: str) -> list[str]:
        return [record.id for record in registry.runs(**by)]

    assert found(state="running") == ["run-1"]
    assert found(experiment="depth") == ["run-2"]
    assert found(tag="who") == ["run-2", "run-1"]
    assert found(tag="who=ada") == ["run-1"]
    assert found(tag="gpu=") == ["run-2"]
    assert found(tag="who=eve") == []
    assert registry.run("run-2").tags == {"who": "bob", "gpu": ""}
