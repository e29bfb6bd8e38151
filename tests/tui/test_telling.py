from __future__ import annotations

from azuraforge_tui.state import RunView, fold
from azuraforge_tui.telling import details, metrics, outcome, progress, state_of

from azuraforge.schema.events import (
    Intervened,
    JournalEntry,
    RunFailed,
    RunStarted,
    RunStopped,
    Telemetry,
)
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec

STARTED = RunStarted(
    spec_hash="5f", model="digits", monitor="accuracy", mode="max", parameters=21_338,
    samples={"train": 1149}, epochs=10, steps=100, threads=1, unit="images",
)  # fmt: skip


def record(**changes):
    given = {"state": "running", "created_at": 0.0, "started_at": 100.0, **changes}
    spec = RunSpec(plugin="images", config={"optim": {"lr": 0.1}, "data.name": "mnist"}, seed=3)
    return RunRecord(id="r", spec=spec, **given)


def view_of(*events):
    return fold(
        RunView(run="r"), [JournalEntry(run="r", seq=n, event=e) for n, e in enumerate(events, 1)]
    )


def test_the_record_tells_the_state_until_the_last_event_does():
    assert state_of(view_of(), record(state="running")) == "running"
    assert state_of(view_of(STARTED), record(state="finished")) == "finished"
    ended = view_of(STARTED, RunStopped(step=1, reason=""))
    assert state_of(ended, record(state="running")) == "stopped"


def test_progress_says_what_is_known_and_no_more():
    assert progress(view_of(), None, 0).words == "waits to be started"
    assert progress(view_of(), record(), 160).words == "has not begun to train"
    assert progress(view_of(STARTED), record(), 160).words == "step 0/100 · epoch 0/10"


def test_how_steps_are_done_is_told():
    compiling = Telemetry(
        step=0, elapsed_s=0, samples_per_s=0, eta_s=0, note="compiling kernels, once"
    )
    replayed = Telemetry(step=5, elapsed_s=1, samples_per_s=90, eta_s=61, note="replayed")

    before = progress(fold(view_of(STARTED), [compiling]), record(), 160).words
    later = progress(fold(view_of(STARTED), [compiling, replayed]), record(), 160).words

    assert before == "step 0/100 · epoch 0/10 · compiling kernels, once"
    assert later.endswith("90 images/s · ETA 1:01 min · replayed")


def test_a_stop_that_was_asked_for_is_told_before_it_has_happened():
    view = view_of(STARTED, Intervened(step=5, command="stop"))

    assert progress(view, record(), 160).words.endswith("stopping")


def test_missed_events_are_told():
    view = fold(
        view_of(STARTED), [JournalEntry(run="r", seq=9, event=Intervened(step=5, command="stop"))]
    )

    assert "! 7 events missed" in progress(view, record(), 160).words


def test_a_run_that_failed_before_it_started_has_its_error():
    view = view_of(RunFailed(step=0, kind="DataError", error="no column 'Close' in a.csv"))

    assert (
        outcome(view, None).plain
        == "✗ failed  at step 0 with DataError: no column 'Close' in a.csv"
    )


def test_a_run_that_goes_on_has_no_outcome():
    assert outcome(view_of(STARTED), record()) is None


def test_the_set_up_lists_the_config_by_path():
    told = [line.split() for line in details(view_of(STARTED), record()).plain.splitlines()]

    assert ["optim.lr", "0.1"] in told
    assert ["data.name", "mnist"] in told
    assert ["seed", "3"] in told
    assert ["decided", "by", "max", "accuracy"] in told
    assert ["train", "1,149"] in told


def test_the_metric_that_decides_is_told_first():
    assert metrics({"loss": 0.5, "f1": 0.25, "accuracy": 0.75}, "accuracy") == (
        "accuracy 0.75, loss 0.5, f1 0.25"
    )
