from __future__ import annotations

import itertools
import random

import pytest
from azuraforge_tui.state import RunView, fold
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Intervened,
    JournalEntry,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
    Telemetry,
)

STARTED = RunStarted(
    spec_hash="5f", model="digits", monitor="accuracy", mode="max", parameters=1234,
    samples={"train": 1149}, epochs=3, steps=30, threads=1,
)  # fmt: skip


def test_a_new_view_is_a_queued_run_of_which_nothing_is_known():
    view = RunView(run="r")

    assert (view.state, view.steps, view.fraction, view.metrics) == ("queued", 0, 0.0, ["loss"])


def test_steps_become_points_of_the_training_curves():
    view = folded(STARTED, step(1, 0.9, accuracy=0.1), step(2, 0.7, accuracy=0.4))

    assert points(view.train["loss"]) == [(1, 0.9), (2, 0.7)]
    assert points(view.train["accuracy"]) == [(1, 0.1), (2, 0.4)]
    assert (view.state, view.step, view.epoch) == ("running", 2, 1)
    assert view.fraction == pytest.approx(2 / 30)


def test_epochs_become_rows_and_points_at_the_step_they_ended():
    one, two = epoch(1, 0.5, best=True), epoch(2, 0.6, best=False)

    view = folded(STARTED, one, two)

    assert view.epochs == (one, two)
    assert view.best == one
    assert points(view.validation["loss"]) == [(10, 0.5), (20, 0.6)]
    assert points(view.means["loss"]) == [(10, 1.5), (20, 1.6)]


def test_interventions_are_kept_and_a_refused_one_is_none():
    pause, resume = (Intervened(step=2, command=name) for name in ("pause", "resume"))
    refused = Intervened(step=2, command="set", path="optim.lr", value=0, refused="too low")

    paused = folded(STARTED, step(1, 0.9), step(2, 0.7), pause, refused)

    assert (paused.state, paused.interventions) == ("paused", (pause,))
    assert fold(paused, [JournalEntry(run="r", seq=6, event=resume)]).state == "running"


def test_the_curves_are_loss_then_what_decides_then_the_others():
    view = folded(
        STARTED,
        EpochFinished(
            epoch=1,
            step=10,
            train={"loss": 1.0},
            validation={"a": 1.0, "accuracy": 0.5, "loss": 1.0},
            is_best=True,
        ),
    )

    assert view.metrics == ["loss", "accuracy", "a"]


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (RunFinished(step=30, best_epoch=3, validation={}, test={}, weights="5f"), "finished"),
        (RunFailed(step=30, kind="DataError", error="no such column"), "failed"),
        (RunStopped(step=30, reason="enough"), "stopped"),
    ],
)
def test_the_last_event_ends_the_run(end, state):
    view = folded(STARTED, step(1, 0.9), end)

    assert (view.state, view.step, view.end) == (state, 30, end)


def test_an_intervention_and_a_checkpoint_are_kept():
    saved = CheckpointSaved(step=10, epoch=1, sha256="ab")

    view = folded(STARTED, saved, Intervened(step=10, command="stop", reason="enough"))

    assert (view.checkpoint, view.stopping) == (saved, "enough")


def test_only_the_latest_telemetry_counts():
    old, new = (Telemetry(step=s, elapsed_s=s, samples_per_s=9, eta_s=1) for s in (1, 2))

    view = fold(RunView(run="r"), [old, new])

    assert view.telemetry == new


@given(cuts=st.lists(st.integers(0, 42)), repeats=st.integers(0, 10), seed=st.integers(0, 9))
def test_events_in_any_portions_and_told_twice_give_the_same_view(cuts, repeats, seed):
    entries = journal(STARTED, *(step(n, 1 / n) for n in range(1, 41)), epoch(4, 0.5, best=True))
    whole = fold(RunView(run="r"), entries)

    view = RunView(run="r")
    borders = sorted({0, len(entries), *cuts})
    for start, end in itertools.pairwise(borders):
        again = random.Random(seed).randint(0, min(start, repeats))
        view = fold(view, entries[start - again : end])

    assert points(view.train["loss"]) == points(whole.train["loss"])
    assert (view.seq, view.step, view.epochs, view.missed) == (42, 40, whole.epochs, 0)


def test_a_gap_in_the_numbers_is_counted():
    entries = journal(STARTED, *(step(n, 1 / n) for n in range(1, 10)))

    view = fold(RunView(run="r"), [*entries[:3], *entries[7:]])

    assert view.missed == 4


def test_folding_does_not_change_the_view_it_starts_from():
    before = folded(STARTED, step(1, 0.9))

    fold(before, [JournalEntry(run="r", seq=3, event=step(2, 0.1))])
    other = fold(before, [JournalEntry(run="r", seq=3, event=step(2, 0.2))])

    assert points(before.train["loss"]) == [(1, 0.9)]
    assert points(other.train["loss"]) == [(1, 0.9), (2, 0.2)]


def step(number, loss, **metrics):
    return StepFinished(
        step=number, epoch=1 + number // 10, loss=loss, lr=0.1, grad_norm=1.0, metrics=metrics
    )


def epoch(number, loss, *, best):
    return EpochFinished(
        epoch=number,
        step=10 * number,
        train={"loss": 1 + loss},
        validation={"loss": loss},
        is_best=best,
    )


def journal(*events):
    return [JournalEntry(run="r", seq=seq, event=event) for seq, event in enumerate(events, 1)]


def folded(*events):
    return fold(RunView(run="r"), journal(*events))


def points(series):
    return list(zip(series.x, series.y, strict=True))
