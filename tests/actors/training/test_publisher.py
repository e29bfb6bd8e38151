from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from azuraforge.actors.training import publisher
from azuraforge.actors.training.publisher import publish
from azuraforge.actors.training.trainer import Trainer
from azuraforge.errors import HomeError, NonFiniteError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import Event, RunFailed, RunFinished, RunStopped, Telemetry
from azuraforge.schema.records import Ack
from azuraforge.schema.specs import RunSpec

STOP = Request(number=1, command=Command(name="stop", reason="enough"))


class Journal:
    """What was appended, as a Registry would answer."""

    def __init__(self, *, stop_from: int | None = None) -> None:
        self.events: list[Event] = []
        self.batches: list[int] = []
        self.told: list[Telemetry | str] = []
        self.stop_from = stop_from

    def append(self, first_seq: int, events: Sequence[Event]) -> Ack:
        assert first_seq == len(self.events) + 1, "a gap, or twice the same"
        self.events.extend(events)
        self.batches.append(len(events))
        self.told.append(f"event {len(self.events)}")
        asked = self.stop_from is not None and len(self.events) >= self.stop_from
        return Ack(durable_seq=len(self.events), requests=[STOP] if asked else [])

    def report(self, telemetry: Telemetry) -> None:
        self.told.append(telemetry)


def tiny(**config: Any) -> Trainer:
    return Trainer(RunSpec(plugin="tiny", config=config))


class Gated(Trainer):
    """A Trainer that waits after each event that `holds` until the gate is open."""

    def __init__(self, gate: threading.Event, hold_at: int, **config: Any) -> None:
        super().__init__(RunSpec(plugin="tiny", config=config))
        self.gate = gate
        self.hold_at = hold_at

    def __iter__(self) -> Iterator[Event]:
        for event in super().__iter__():
            yield event
            if self.seq == self.hold_at:
                assert self.gate.wait(20)


def test_every_event_is_appended_once_and_in_order() -> None:
    journal = Journal()

    publish(tiny(), journal.append, journal.report)

    assert journal.events == list(tiny())


def test_events_are_appended_in_batches() -> None:
    journal = Journal()

    publish(tiny(**{"training.epochs": 40}), journal.append, journal.report)

    assert len(journal.events) == 1 + 40 * 5 + 1
    assert len(journal.batches) < len(journal.events) / 2


class Forgetful:
    """A Registry whose answers lag an append behind, and that dies once with what it has taken."""

    def __init__(self, dies_at: int) -> None:
        self.durable: list[Event] = []
        self.taken: list[Event] = []
        self.appends_left = dies_at

    def append(self, first_seq: int, events: Sequence[Event]) -> Ack:
        self.durable += self.taken
        self.taken = []
        self.appends_left -= 1
        assert first_seq <= len(self.durable) + 1, "a gap"
        if self.appends_left != 0:
            self.taken = list(events[len(self.durable) + 1 - first_seq :])
        return Ack(durable_seq=len(self.durable))


@pytest.mark.parametrize("dies_at", [1, 2, 3, 0])
def test_what_is_not_known_to_be_durable_is_sent_again_until_it_is(dies_at: int) -> None:
    registry = Forgetful(dies_at)

    publish(tiny(), registry.append, lambda telemetry: None, wait=lambda seconds: None)

    assert registry.durable == list(tiny())


def test_the_pace_at_the_end_is_told_before_the_last_event() -> None:
    journal = Journal()

    publish(tiny(), journal.append, journal.report)

    *_, pace, last = journal.told
    assert isinstance(pace, Telemetry)
    assert pace.step == 9
    assert last == "event 17"


def test_a_stop_in_an_answer_stops_the_trainer() -> None:
    journal = Journal(stop_from=1)

    publish(tiny(**{"training.epochs": 100_000}), journal.append, journal.report)

    assert isinstance(journal.events[-1], RunStopped)
    assert journal.events[-1].reason == "enough"


def test_a_stop_is_noticed_while_a_step_takes_its_time() -> None:
    journal, gate = Journal(), threading.Event()
    trainer = Gated(gate, hold_at=3, **{"training.epochs": 100_000})

    def append(first_seq: int, events: Sequence[Event]) -> Ack:
        if events or len(journal.events) < 3:
            return journal.append(first_seq, events)
        gate.set()  # nothing was left to append, and yet it asks
        return Ack(durable_seq=3, requests=[STOP])

    publish(trainer, append, journal.report)

    assert isinstance(journal.events[-1], RunStopped)


def test_an_append_that_fails_ends_the_training_and_is_raised() -> None:
    gate = threading.Event()
    trainer = Gated(gate, hold_at=4, **{"training.epochs": 100_000})

    def append(first_seq: int, events: Sequence[Event]) -> Ack:
        gate.set()
        raise HomeError("disk full")

    with pytest.raises(HomeError, match="disk full"):
        publish(trainer, append, Journal().report)


def test_a_report_that_fails_ends_the_training_and_is_raised() -> None:
    journal = Journal()

    def report(telemetry: Telemetry) -> None:
        raise HomeError("disk full")

    with pytest.raises(HomeError, match="disk full"):
        publish(tiny(), journal.append, report)


def test_a_trainer_that_waits_for_a_registry_that_fails_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "MOST_WAITING", 2)
    trainer = tiny(**{"training.epochs": 100_000})

    def append(first_seq: int, events: Sequence[Event]) -> Ack:
        while trainer.seq < first_seq + len(events) + 2:
            time.sleep(0.001)  # two more fill the queue, the one after them waits for room
        raise HomeError("disk full")

    with pytest.raises(HomeError):
        publish(trainer, append, Journal().report)


def test_a_trainer_faster_than_the_registry_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "MOST_WAITING", 2)
    journal = Journal()

    publish(tiny(), journal.append, journal.report)

    assert journal.events == list(tiny())
    assert max(journal.batches) <= 2


def test_a_run_that_fails_of_an_error_of_ours_is_told_by_its_journal_alone() -> None:
    journal = Journal()
    trainer = tiny(**{"fault.kind": "nan-loss"})

    publish(trainer, journal.append, journal.report)

    assert isinstance(journal.events[-1], RunFailed)
    assert journal.events[-1].kind == NonFiniteError.__name__


def test_a_bug_is_raised_after_the_journal_has_told_it() -> None:
    journal = Journal()

    with pytest.raises(ValueError, match="a bug in the plugin"):
        publish(tiny(**{"fault.kind": "build"}), journal.append, journal.report)

    assert journal.events == [RunFailed(step=0, kind="ValueError", error="a bug in the plugin")]


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    journal = Journal()

    publish(tiny(), journal.append, journal.report)

    assert isinstance(journal.events[-1], RunFinished)
    assert threading.active_count() == before
