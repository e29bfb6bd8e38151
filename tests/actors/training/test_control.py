"""A run under somebody's hand, and the same run done again from wherever it was cut off."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from azuraforge.actors.training.trainer import Trainer
from azuraforge.errors import NonFiniteError, RefusedError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import (
    CheckpointSaved,
    Event,
    Intervened,
    JournalEntry,
    RunFailed,
    RunFinished,
    RunStarted,
    StepFinished,
)
from azuraforge.schema.records import Attempt, Checkpoint
from azuraforge.schema.specs import CheckpointPolicy, RunSpec
from azuraforge.store.blobs import MemoryBlobs

STEPS = 9
OPTIONS = {
    "optim.name": "adam",
    "training.ema": 0.9,
    "training.clip_norm": 1.0,
    "training.accumulate": 2,
    "training.epochs": 5,
    "training.validate_every": 1,
    "training.statistics_every": 2,
    "schedule.name": "cosine",
}


def spec(every_steps: int = 0, **config: Any) -> RunSpec:
    policy = CheckpointPolicy(every_steps=every_steps)
    return RunSpec(plugin="tiny", config=config, checkpoint=policy)


def fresh(spec: RunSpec, requests: Sequence[Request] = ()) -> Attempt:
    """The first attempt at a run."""
    return Attempt(
        run="r", number=1, spec=spec, known_seq=0, checkpoints=[], requests=requests, journal=[]
    )


def after(events: Sequence[Event], spec: RunSpec, requests: Sequence[Request]) -> Attempt:
    """The attempt that follows one of which the journal has these events."""
    entries = [JournalEntry(run="r", seq=seq, event=event) for seq, event in enumerate(events, 1)]
    saved = [e for e in entries if isinstance(e.event, CheckpointSaved)]
    interventions = [e for e in entries if isinstance(e.event, Intervened)]
    done = {e.event.request for e in interventions}
    return Attempt(
        run="r",
        number=2,
        spec=spec,
        known_seq=len(entries),
        checkpoints=[
            Checkpoint(seq=e.seq, step=e.event.step, epoch=e.event.epoch, sha256=e.event.sha256)
            for e in reversed(saved)
        ],
        requests=[request for request in requests if request.number not in done],
        journal=[*entries[:1], *interventions],
    )


def numbered(trainer: Trainer) -> dict[int, Event]:
    return dict((trainer.seq, event) for event in trainer)  # noqa: C402  (seq is not the same one)


def at(step: int, **command: Any) -> Request:
    return Request(number=1, command=Command(**command), at_step=step)


def steps_of(events: Sequence[Event]) -> list[StepFinished]:
    return [event for event in events if isinstance(event, StepFinished)]


commands = st.one_of(
    st.builds(Command, name=st.just("checkpoint")),
    st.builds(
        Command,
        name=st.just("set"),
        path=st.sampled_from(["optim.lr", "optim.weight_decay"]),
        value=st.floats(1e-4, 0.1),
    ),
    st.builds(
        Command, name=st.just("set"), path=st.just("training.clip_norm"), value=st.floats(0.1, 5)
    ),
    st.builds(Command, name=st.just("set"), path=st.just("no.such"), value=st.just(1)),
)
plans = st.lists(st.tuples(st.integers(0, STEPS), commands), max_size=5).map(
    lambda plan: [
        Request(number=number, command=command, at_step=step)
        for number, (step, command) in enumerate(plan, 1)
    ]
)


@given(plan=plans, every=st.integers(0, 4), options=st.booleans(), data=st.data())
def test_a_run_cut_off_after_any_event_goes_on_to_the_very_same_journal(
    plan: list[Request], every: int, options: bool, data: st.DataObject
) -> None:
    asked = spec(every, **(OPTIONS if options else {}))
    blobs = MemoryBlobs()
    whole = list(Trainer(asked, blobs=blobs, attempt=fresh(asked, plan)))
    known = whole[: data.draw(st.integers(0, len(whole) - 1), label="events that were durable")]

    again = numbered(Trainer(asked, blobs=blobs, attempt=after(known, asked, plan)))

    assert max(again) == len(whole)
    assert again == {seq: whole[seq - 1] for seq in range(min(again), len(whole) + 1)}
    assert isinstance(whole[-1], RunFinished)
    saved = [seq for seq, event in enumerate(known, 1) if isinstance(event, CheckpointSaved)]
    assert min(again) == max(saved, default=1)


def test_a_setting_takes_effect_from_the_next_step_on() -> None:
    asked = spec()
    plain = steps_of(list(Trainer(asked)))

    request = at(4, name="set", path="optim.lr", value="0.001")
    events = list(Trainer(asked, attempt=fresh(asked, [request])))

    steps = steps_of(events)
    assert [step.lr for step in steps] == [0.05] * 4 + [0.001] * 5
    assert steps[:4] == plain[:4]
    assert steps[4].loss == plain[4].loss  # of the weights before that step
    assert steps[4].digest != plain[4].digest
    (told,) = [event for event in events if isinstance(event, Intervened)]
    assert told == Intervened(step=4, command="set", path="optim.lr", value=0.001, request=1)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("training.batch_size", 4, "is fixed once a run has begun"),
        ("optim.rl", 1, "did you mean optim.lr"),
        ("optim.lr", -1, "allowed: a number > 0"),
    ],
)
def test_a_setting_that_cannot_be_is_told_as_refused_and_changes_nothing(
    path: str, value: Any, said: str
) -> None:
    asked = spec()

    request = at(2, name="set", path=path, value=value)
    events = list(Trainer(asked, attempt=fresh(asked, [request])))

    (told,) = [event for event in events if isinstance(event, Intervened)]
    assert said in told.refused
    assert steps_of(events) == steps_of(list(Trainer(asked)))


def test_a_paused_run_waits_until_somebody_lets_it_go_on() -> None:
    asked = spec()
    trainer = Trainer(asked, attempt=fresh(asked, [at(3, name="pause", reason="lunch")]))
    seen: list[Event] = []
    is_paused = threading.Event()

    def train() -> None:
        for event in trainer:
            seen.append(event)
            if isinstance(event, Intervened) and event.command == "pause":
                is_paused.set()

    thread = threading.Thread(target=train)
    thread.start()
    assert is_paused.wait(20)
    assert trainer.telemetry is not None
    assert trainer.telemetry.note == "paused"
    before = len(seen)
    trainer.ask(Command(name="step", count=2))
    trainer.ask(Command(name="resume"))
    thread.join(20)

    told = [event for event in seen if isinstance(event, Intervened)]
    assert [(one.step, one.command) for one in told][:2] == [(3, "pause"), (3, "step")]
    assert seen[before - 1] == told[0]
    assert steps_of(seen) == steps_of(list(Trainer(asked)))


def test_step_does_as_many_as_asked_for_and_pauses_again() -> None:
    asked = spec()
    plan = [
        Request(number=1, command=Command(name="pause"), at_step=2),
        Request(number=2, command=Command(name="step", count=3), at_step=2),
        Request(number=3, command=Command(name="resume"), at_step=5),
    ]

    events = list(Trainer(asked, attempt=fresh(asked, plan)))

    told = [(e.step, e.command, e.request) for e in events if isinstance(e, Intervened)]
    assert told == [(2, "pause", 1), (2, "step", 2), (5, "pause", None), (5, "resume", 3)]
    assert steps_of(events) == steps_of(list(Trainer(asked)))


def test_a_checkpoint_that_is_asked_for_is_saved_there() -> None:
    asked = spec()

    events = list(Trainer(asked, attempt=fresh(asked, [at(4, name="checkpoint")])))

    place = next(i for i, event in enumerate(events) if isinstance(event, Intervened))
    saved = events[place + 1]
    assert isinstance(saved, CheckpointSaved)
    assert saved.step == 4


def test_what_comes_while_the_past_is_done_again_waits_for_its_end() -> None:
    asked = spec()
    blobs = MemoryBlobs()
    whole = list(Trainer(asked, blobs=blobs, attempt=fresh(asked)))
    attempt = after(whole[:9], asked, [])  # the first epoch's checkpoint is event 6
    trainer = Trainer(asked, blobs=blobs, attempt=attempt)
    trainer.ask(Command(name="set", path="optim.lr", value=0.001))

    events = numbered(trainer)

    assert [events[seq] for seq in (6, 7, 8, 9)] == whole[5:9]
    assert isinstance(events[10], Intervened)


def test_a_run_is_refused_where_its_data_have_changed() -> None:
    asked = spec()
    began = next(iter(Trainer(asked)))
    assert isinstance(began, RunStarted)
    other = next(iter(Trainer(spec(noise=0.2))))
    assert isinstance(other, RunStarted)
    attempt = after([other], asked, [])

    with pytest.raises(RefusedError, match=r"the data of train was .* \(--accept-differences\)"):
        list(Trainer(asked, attempt=attempt))


def test_another_number_of_threads_is_refused_or_accepted_and_said() -> None:
    asked = spec()
    blobs = MemoryBlobs()
    known = list(Trainer(asked, blobs=blobs, attempt=fresh(asked)))[:4]
    attempt = after(known, asked, [])

    with pytest.raises(RefusedError, match="the number of threads was 1, and is 2"):
        list(Trainer(asked, blobs=blobs, attempt=attempt, threads=2))
    accepting = structs.replace(attempt, accepts_differences=True)
    trainer = Trainer(asked, blobs=blobs, attempt=accepting, threads=2)
    events = list(trainer)

    assert trainer.differs == ["the number of threads was 1, and is 2"]
    assert isinstance(events[-1], RunFinished)


def test_a_run_that_begins_with_other_threads_than_its_spec_says_so() -> None:
    asked = spec()
    trainer = Trainer(asked, attempt=fresh(asked), threads=2)

    events = list(trainer)

    assert isinstance(events[0], RunStarted)
    assert trainer.differs == ["the number of threads was to be 1, and is 2"]


def test_a_run_that_goes_on_all_the_same_says_what_differs() -> None:
    asked = spec()
    blobs = MemoryBlobs()
    whole = list(Trainer(asked, blobs=blobs, attempt=fresh(asked)))
    known = whole[:4]
    assert isinstance(known[0], RunStarted)
    assert known[0].provenance is not None
    moved = structs.replace(
        known[0].provenance,
        environment=structs.replace(known[0].provenance.environment, cpu="another"),
    )
    known[0] = structs.replace(known[0], provenance=moved)
    attempt = structs.replace(after(known, asked, []), accepts_differences=True)
    trainer = Trainer(asked, blobs=blobs, attempt=attempt)

    events = numbered(trainer)

    assert len(trainer.differs) == 1
    told = events[5]
    assert isinstance(told, Intervened)
    assert (told.command, told.value) == ("rollback", 0)
    assert "not exact: the CPU was another" in told.reason
    assert [step.step for step in steps_of(list(events.values()))] == list(range(1, STEPS + 1))


def test_a_nan_goes_back_to_the_last_checkpoint_with_half_the_learning_rate() -> None:
    config = {"optim.lr": 20.0, "training.epochs": 20, "training.on_nan": "rollback"}
    asked = RunSpec(plugin="tiny", config=config, checkpoint=CheckpointPolicy(every_epochs=0))

    events = list(Trainer(asked))

    told = [event for event in events if isinstance(event, Intervened)]
    assert {one.command for one in told} == {"rollback"}
    assert len(told) > 1
    for number, one in enumerate(told, 1):
        place = events.index(one)
        before, behind = events[:place], events[place + 1]
        assert one.value == [e.step for e in before if isinstance(e, CheckpointSaved)][-1]
        assert isinstance(behind, StepFinished)
        assert (behind.step, behind.lr) == (one.value + 1, 20.0 / 2**number)
        assert one.reason.endswith(f"the learning rate is halved to {behind.lr:g}")
    assert f"step {told[0].step + 1}: " in told[0].reason
    assert isinstance(events[-1], RunFinished)


def test_a_run_whose_nan_no_learning_rate_saves_fails_of_it() -> None:
    asked = spec(**{"fault.kind": "nan-loss", "fault.step": 3, "training.on_nan": "rollback"})

    events: list[Event] = []
    with pytest.raises(NonFiniteError, match="loss nan"):
        events.extend(Trainer(asked))

    assert sum(isinstance(event, Intervened) for event in events) == 10
    assert isinstance(events[-1], RunFailed)
