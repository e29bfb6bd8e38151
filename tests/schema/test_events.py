from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    JournalEntry,
    LayerStatistics,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
    ValidationFinished,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**53)
texts = st.text(st.characters(codec="utf-8"))
metrics = st.dictionaries(texts, numbers, max_size=3)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
EVENTS = {
    RunStarted: st.builds(
        RunStarted,
        spec_hash=hashes,
        model=texts,
        monitor=texts,
        mode=st.sampled_from(["min", "max"]),
        parameters=counts,
        samples=st.dictionaries(texts, counts, max_size=3),
        epochs=counts,
        steps=counts,
        threads=counts,
    ),
    StepFinished: st.builds(
        StepFinished,
        step=counts,
        epoch=counts,
        loss=numbers,
        lr=numbers,
        grad_norm=numbers,
        metrics=metrics,
    ),
    LayerStatistics: st.builds(
        LayerStatistics, step=counts, layers=st.dictionaries(texts, metrics, max_size=3)
    ),
    ValidationFinished: st.builds(
        ValidationFinished, step=counts, epoch=counts, validation=metrics, is_best=st.booleans()
    ),
    EpochFinished: st.builds(
        EpochFinished,
        epoch=counts,
        step=counts,
        train=metrics,
        validation=metrics,
        is_best=st.booleans(),
    ),
    CheckpointSaved: st.builds(CheckpointSaved, step=counts, epoch=counts, sha256=hashes),
    Intervened: st.builds(Intervened, step=counts, command=st.just("stop"), reason=texts),
    RunFinished: st.builds(
        RunFinished,
        step=counts,
        best_epoch=counts,
        validation=metrics,
        test=metrics,
        weights=hashes,
    ),
    RunFailed: st.builds(RunFailed, step=counts, kind=texts, error=texts),
    RunStopped: st.builds(RunStopped, step=counts, reason=texts, checkpoint=st.none() | hashes),
}


def test_every_event_is_among_those_tried_here():
    assert set(EVENTS) == set(get_args(Event))


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data(), seq=counts)
def test_an_event_comes_back_from_json_equal_and_of_its_own_kind(kind, data, seq):
    entry = JournalEntry(run="r", seq=seq, event=data.draw(EVENTS[kind]))

    again = msgspec.json.decode(msgspec.json.encode(entry), type=JournalEntry)

    assert again == entry
    assert type(again.event) is kind


def test_a_field_of_a_newer_writer_does_not_stop_an_older_reader():
    document = b'{"type": "checkpoint", "step": 1, "epoch": 1, "sha256": "ab", "newer": [1]}'

    read = msgspec.json.decode(document, type=Event)

    assert read == CheckpointSaved(step=1, epoch=1, sha256="ab")


@pytest.mark.parametrize(
    "document",
    [
        b'{"type": "no-such-event"}',
        b'{"step": 1}',
        b'{"type": "checkpoint", "step": "1", "epoch": 1, "sha256": "ab"}',
        b'{"type": "step", "step": 1, "epoch": 1, "loss": null, "lr": 1, "grad_norm": 1}',
    ],
)
def test_what_is_no_event_is_refused(document):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(document, type=Event)
