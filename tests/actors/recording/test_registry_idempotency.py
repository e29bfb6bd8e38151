"""However appends are doubled, cut, mixed up and taken over: the journal is of one clean run."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from azuraforge.actors.recording.registry import Registry
from azuraforge.errors import FencedError, RefusedError
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
)
from azuraforge.schema.specs import RunSpec

SPEC = RunSpec(plugin="images")
EVENTS: list[Event] = [
    RunStarted(
        spec_hash="0" * 64,
        model="digits",
        monitor="accuracy",
        mode="max",
        parameters=10,
        samples={"train": 80},
        epochs=2,
        steps=6,
        threads=1,
    )
]
for number in range(1, 7):
    EVENTS.append(StepFinished(step=number, epoch=1, loss=1 / number, lr=0.1, grad_norm=1.0))
    if number % 2 == 0:
        told = {"accuracy": number / 10}
        EVENTS.append(
            EpochFinished(epoch=1, step=number, train={}, validation=told, is_best=number != 4)
        )
        EVENTS.append(CheckpointSaved(step=number, epoch=1, sha256=f"{number:064x}"))
EVENTS.append(
    RunFinished(step=6, best_epoch=1, validation={"accuracy": 0.6}, test={}, weights="ab" * 32)
)

PLACES = st.integers(0, len(EVENTS))
ACTIONS = st.one_of(
    st.tuples(st.just("append"), PLACES, PLACES),  # of the present attempt, wherever it begins
    st.tuples(st.just("late"), PLACES, PLACES),  # of an attempt that was fenced
    st.tuples(st.just("other"), PLACES, PLACES),  # by a Trainer that does not repeat the past
    st.tuples(st.just("attempt"), PLACES, PLACES),
    st.tuples(st.just("reopen"), PLACES, PLACES),
)


class Story:
    """A run as it is told by Trainers that die, stutter and come back."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.registry = Registry(home, clock=lambda: 1.0)
        self.run = self.registry.create_run(SPEC).id
        self.durable = 0
        self.attempt = self.registry.begin_attempt(self.run, "first").number

    def act(self, kind: str, a: int, b: int) -> None:
        first, last = sorted((a, b))
        if kind == "reopen":
            self.registry.close()
            self.registry = Registry(self.home, clock=lambda: 1.0)
        elif kind == "attempt" and self.durable < len(EVENTS):
            self.attempt = self.registry.begin_attempt(self.run, "another").number
        elif kind == "append":
            self.append(first, EVENTS[first:last])
        elif kind == "other" and last > first:
            self.refused(first, [*EVENTS[first : last - 1], EVENTS[0]], self.attempt)
        elif kind == "late":
            self.fenced(first, EVENTS[first:last])
        self.check()

    def append(self, first: int, events: list[Event]) -> None:
        if events and first > self.durable:
            self.refused(first, events, self.attempt)
            return
        ack = self.registry.append(self.run, first + 1, events, attempt=self.attempt)
        self.durable = max(self.durable, first + len(events) if events else 0)
        assert ack.durable_seq == self.durable

    def refused(self, first: int, events: list[Event], attempt: int) -> None:
        """What is no part of the run's past, nor its next part, changes nothing."""
        if first + len(events) - 1 == 0 or first + len(events) > self.durable >= first:
            return  # it is the run's start, or new: whatever comes next is its past from then on
        try:
            self.registry.append(self.run, first + 1, events, attempt=attempt)
        except RefusedError:
            return
        raise AssertionError(f"{events} from {first + 1} on was taken")

    def fenced(self, first: int, events: list[Event]) -> None:
        if self.attempt == 1:
            return
        try:
            self.registry.append(self.run, first + 1, events, attempt=self.attempt - 1)
        except FencedError:
            return
        raise AssertionError("a fenced attempt has written")

    def check(self) -> None:
        """Nothing acknowledged is lost, and nothing else is there."""
        kept = [entry.event for entry in self.registry.events(self.run)]
        assert kept == EVENTS[: self.durable]


@settings(max_examples=40)
@given(st.lists(ACTIONS, max_size=14))
def test_the_journal_is_that_of_one_clean_run(tmp_path_factory, actions):
    story = Story(tmp_path_factory.getbasetemp())
    clean = story.registry.create_run(SPEC).id
    story.registry.append(clean, 1, EVENTS)

    for action in actions:
        story.act(*action)
    story.append(0, EVENTS)

    registry, run = story.registry, story.run
    own = {"id": "", "attempt": 0, "model_version": None}
    assert structs.replace(registry.run(run), **own) == structs.replace(registry.run(clean), **own)
    assert [one.chain for one in registry.events(run)] == [
        one.chain for one in registry.events(clean)
    ]
    assert registry.metrics(run) == registry.metrics(clean)
    assert registry.checkpoints(run) == registry.checkpoints(clean)
    assert [model.run for model in registry.models()].count(run) == 1
    registry.close()
