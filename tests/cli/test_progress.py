from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.cli.progress import ERASE, Progress, headline, live_line
from azuraforge.schema.events import (
    EpochFinished,
    Event,
    Intervened,
    JournalEntry,
    RunStarted,
    StepFinished,
    Telemetry,
)
from tests.conftest import Clock

STARTED = RunStarted(
    spec_hash="0" * 64,
    model="images",
    monitor="accuracy",
    mode="max",
    parameters=23_458,
    samples={"train": 1_077, "validation": 360, "test": 360},
    epochs=10,
    steps=170,
    threads=1,
    unit="images",
)
TELEMETRY = Telemetry(step=17, elapsed_s=2.0, samples_per_s=8_123.4, eta_s=61.0)


def step(number: int) -> StepFinished:
    return StepFinished(
        step=number, epoch=1, loss=0.5, lr=0.1, grad_norm=1.0, metrics={"accuracy": 0.75}
    )


def epoch(number: int, *, is_best: bool = False) -> EpochFinished:
    return EpochFinished(
        epoch=number,
        step=17 * number,
        train={"loss": 0.4, "accuracy": 0.8},
        validation={"loss": 0.3, "accuracy": 0.9, "majority_accuracy": 0.1},
        is_best=is_best,
    )


def tell(progress: Progress, *events: Event) -> None:
    for seq, event in enumerate(events, 1):
        progress.on(JournalEntry(run="r", seq=seq, event=event))


def progress_on(stream: io.StringIO, clock: Clock, *, live: bool, quiet: bool = False) -> Progress:
    return Progress(stream, live=live, clock=clock, width=lambda: 120, quiet=quiet)


def test_elsewhere_than_on_a_terminal_there_is_a_plain_line_per_epoch(clock: Clock) -> None:
    stream = io.StringIO()

    progress = progress_on(stream, clock, live=False)
    tell(progress, STARTED, step(1), step(17), epoch(1, is_best=True), step(18), epoch(2))
    progress.close()

    heading, first, second = stream.getvalue().splitlines()
    assert heading == (
        "images: 23,458 parameters; 1,077 train, 360 validation, 360 test images; "
        "10 epochs of 17 steps on 1 thread"
    )
    assert first == (
        "epoch  1/10  train loss 0.4000 accuracy 0.8000  "
        "validation loss 0.3000 accuracy 0.9000  best so far"
    )
    assert "best" not in second
    assert all(line.isprintable() for line in (heading, first, second))


def test_on_a_terminal_the_line_is_redrawn_ten_times_a_second_at_most(clock: Clock) -> None:
    stream = io.StringIO()
    progress = progress_on(stream, clock, live=True)
    tell(progress, STARTED)

    for number in range(1, 101):  # 100 steps in one second
        tell(progress, step(number))
        clock.advance(0.01)

    assert 9 <= stream.getvalue().count(ERASE) <= 11


def test_an_epoch_leaves_a_row_where_the_live_line_was(clock: Clock) -> None:
    stream = io.StringIO()
    progress = progress_on(stream, clock, live=True)

    tell(progress, STARTED, step(1), epoch(1))

    drawn, erased, row = stream.getvalue().split(ERASE)
    assert drawn.startswith("images:")
    assert erased.startswith("epoch 1/10")
    assert row.startswith("epoch  1/10")
    assert row.endswith("\n")


def test_the_live_line_tells_step_loss_accuracy_speed_and_time_left() -> None:
    line = live_line(step(17), STARTED, TELEMETRY, 120)

    assert line == (
        "epoch 1/10  [##..................]  step  17/170  loss 0.5000 accuracy 0.7500  "
        "8,123 images/s  ETA 1:01"
    )


@pytest.mark.parametrize(
    ("width", "kept"),
    [
        (104, ["epoch", "[", "step", "loss", "images/s", "ETA"]),
        (80, ["epoch", "step", "loss", "images/s", "ETA"]),
        (70, ["step", "loss", "images/s", "ETA"]),
        (60, ["step", "loss", "ETA"]),
        (30, ["step", "ETA"]),
    ],
)
def test_on_a_narrow_terminal_the_time_left_is_kept_longest(width: int, kept: list[str]) -> None:
    line = live_line(step(17), STARTED, TELEMETRY, width)

    known = ["epoch", "[", "step", "loss", "images/s", "ETA"]
    assert [word for word in known if word in line] == kept


@given(st.integers(1, 200), st.integers(1, 170))
def test_the_live_line_never_wraps(width: int, number: int) -> None:
    assert len(live_line(step(number), STARTED, TELEMETRY, width)) < width


def test_speed_is_shown_in_an_epochs_row_once_it_is_known(clock: Clock) -> None:
    stream = io.StringIO()
    progress = progress_on(stream, clock, live=False)
    tell(progress, STARTED)

    progress.on(TELEMETRY)
    tell(progress, epoch(1))

    assert "8,123 images/s" in stream.getvalue()


def test_closing_takes_the_live_line_away_and_a_second_time_does_nothing(clock: Clock) -> None:
    stream = io.StringIO()
    progress = progress_on(stream, clock, live=True)
    tell(progress, STARTED, step(1))

    progress.close()
    progress.close()

    assert stream.getvalue().endswith(ERASE)
    assert stream.getvalue().count(ERASE) == 2


def test_an_intervention_is_told(clock: Clock) -> None:
    stream = io.StringIO()

    tell(
        progress_on(stream, clock, live=False), Intervened(step=5, command="stop", reason="SIGINT")
    )

    assert stream.getvalue() == "stop asked for (SIGINT), done after step 5\n"


@pytest.mark.parametrize("live", [True, False])
def test_a_quiet_progress_writes_nothing(clock: Clock, live: bool) -> None:
    stream = io.StringIO()
    progress = progress_on(stream, clock, live=live, quiet=True)

    progress.note("starting")
    tell(progress, STARTED, step(1), epoch(1))
    progress.close()

    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("metrics", "monitor", "shown"),
    [
        ({"loss": 1.0, "r2": 0.5, "accuracy": 0.9}, "r2", "accuracy"),
        ({"loss": 1.0, "mae": 2.0, "rmse": 3.0}, "rmse", "rmse"),
        ({"persistence_mae": 1.0, "loss": 1.0, "mae": 2.0}, "loss", "mae"),
        ({"loss": 1.0}, "loss", None),
    ],
)
def test_beside_the_loss_stands_accuracy_or_the_monitored_or_the_first_metric(
    metrics: dict[str, float], monitor: str, shown: str | None
) -> None:
    assert headline(metrics, monitor) == shown


def test_how_steps_are_done_is_a_line_when_it_changes(clock: Clock) -> None:
    stream = io.StringIO()
    progress = progress_on(stream, clock, live=False)
    notes = ["compiling kernels", "compiling kernels", "", "steps are replayed"]

    for note in notes:
        progress.on(Telemetry(step=0, elapsed_s=0, samples_per_s=0, eta_s=0, note=note))

    assert stream.getvalue() == "compiling kernels\nsteps are replayed\n"


def test_before_the_first_step_there_is_no_speed(clock: Clock) -> None:
    stream = io.StringIO()
    progress = progress_on(stream, clock, live=False)

    progress.on(Telemetry(step=0, elapsed_s=0, samples_per_s=0, eta_s=0, note="compiling"))
    tell(progress, STARTED, epoch(1))

    assert "images/s" not in stream.getvalue()
