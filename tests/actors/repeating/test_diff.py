from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from azuraforge.actors.repeating.diff import diff
from azuraforge.schema.commands import Command
from azuraforge.schema.comparison import Difference, RunComparison
from azuraforge.schema.events import RunStarted
from tests.actors.journaled import Journaled

SET_LR = Command(name="set", path="optim.lr", value=0.01)


@pytest.fixture
def registry() -> Journaled:
    return Journaled()


def compared(registry: Journaled, one: str, other: str) -> RunComparison:
    return diff(registry, registry.blobs, one, other)


def test_runs_of_one_spec_are_identical(registry: Journaled) -> None:
    one, other = registry.train((4, SET_LR)), registry.train((4, SET_LR))

    found = compared(registry, one, other)

    assert found.is_identical
    assert found.events == registry.records[one].last_seq
    assert (found.spec, found.entry, found.parting) == ([], None, None)


def test_a_setting_changed_on_the_way_parts_them_there_by_the_optimizer(
    registry: Journaled,
) -> None:
    one, other = registry.train(), registry.train((4, SET_LR))

    found = compared(registry, one, other)

    assert found.spec == []
    assert found.entry is not None
    assert (found.entry.event, found.entry.step) == ("step, intervention", 5)
    assert found.events == found.entry.seq - 1
    assert found.parting is not None
    assert (found.parting.step, found.parting.phase) == (5, "optimizer")
    assert found.parting.name == "groups.0.lr"
    assert (found.parting.one, found.parting.other) == (0.05, 0.01)


def test_a_fault_in_a_layer_is_found_by_its_layer_and_op(registry: Journaled) -> None:
    fault: dict[str, Any] = {"fault.kind": "slip"}
    one = registry.train(**fault, **{"fault.step": 1})
    other = registry.train(**fault, **{"fault.step": 2})

    found = compared(registry, one, other)

    assert found.spec == [Difference(path="config.fault.step", one=1, other=2)]
    assert found.entry is not None
    assert (found.entry.event, found.entry.step) == ("step", 3)
    assert found.parting is not None
    assert (found.parting.step, found.parting.phase) == (3, "forward")
    assert (found.parting.layer, found.parting.op) == ("line.2", "mul")
    assert found.parting.steps_done == 2  # of each the third, from the checkpoint after the second


def test_an_op_that_only_one_has_is_told_with_its_layer(registry: Journaled) -> None:
    one, other = registry.train(), registry.train(**{"fault.kind": "slip"})

    for found in (compared(registry, one, other), compared(registry, other, one)):
        assert found.parting is not None
        assert (found.parting.layer, found.parting.step) == ("line.2", 3)
        assert "mul in line.2" in f"{found.parting.one} {found.parting.other}"


def test_another_seed_begins_with_other_parameters(registry: Journaled) -> None:
    one, other = registry.train(seed=1), registry.train(seed=2)

    found = compared(registry, one, other)

    assert found.spec == [Difference(path="seed", one=1, other=2)]
    assert found.parting is not None
    assert (found.parting.step, found.parting.phase) == (1, "parameters")
    assert found.parting.name == "line.0.weight"


def test_other_data_come_in_as_another_batch(registry: Journaled) -> None:
    one, other = registry.train(noise=0.1), registry.train(noise=0.2)

    found = compared(registry, one, other)

    assert found.parting is not None
    assert (found.parting.step, found.parting.phase) == (1, "given")
    assert found.parting.op == "mse_loss"  # the noise is of the target
    assert found.parting.layer is None


def test_a_journal_that_is_the_beginning_of_another_is_told(registry: Journaled) -> None:
    one, whole = registry.train(), registry.train()
    events = [entry.event for entry in registry.journals[one]]
    registry.write(one, registry.records[one].spec, events[:7])

    found = compared(registry, one, whole)

    assert not found.is_identical
    assert (found.events, found.entry, found.parting) == (7, None, None)
    more = registry.records[whole].last_seq - 7
    assert found.note == f"run {one} ends there; run {whole} goes on for {more} events"


def test_a_journal_that_holds_what_its_run_does_not_give_is_found_out(registry: Journaled) -> None:
    one, other = registry.train(), registry.train()
    registry.change(other, registry.seq_of(other, 4), loss=0.5)

    found = compared(registry, one, other)

    assert found.entry is not None
    assert [d.path for d in found.entry.differences] == ["loss"]
    assert found.parting is None
    assert found.note == f"run {other}, done again here, is not what its journal holds; replay it"


def test_where_one_was_made_elsewhere_it_is_told(registry: Journaled) -> None:
    one, other = registry.train(), registry.train()
    started = registry.journals[other][0].event
    assert isinstance(started, RunStarted)
    assert started.provenance is not None
    registry.change(other, 1, provenance=structs.replace(started.provenance, azuraforge="0.1"))

    found = compared(registry, one, other)

    assert len(found.provenance) == 1
    assert (found.events, found.entry) == (0, None)
    assert found.note == "but for that, all their events are the same"


def test_the_journals_are_searched_by_halves(
    registry: Journaled, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = registry.train(), registry.train()
    asked = list[int]()
    read = registry.events
    monkeypatch.setattr(registry, "events", lambda *a, **k: (asked.append(1), read(*a, **k))[1])

    assert compared(registry, one, other).is_identical

    assert (
        len(asked) <= 2 * 4 + 2 + 4
    )  # halves of 15, of two journals; how each begins; the end of each
