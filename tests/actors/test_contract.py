"""What both runtimes promise. Each call has an event loop of its own, as in a script."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec import structs

from azuraforge.actors.connect import connect
from azuraforge.actors.handles import Handles, follow
from azuraforge.actors.recording.folding import folded
from azuraforge.actors.training.trainer import Trainer
from azuraforge.errors import (
    AzuraForgeError,
    ConfigError,
    DataError,
    FencedError,
    NotFoundError,
    RefusedError,
)
from azuraforge.schema.commands import Command
from azuraforge.schema.events import (
    CheckpointSaved,
    Event,
    Intervened,
    JournalEntry,
    RunFailed,
    RunFinished,
    RunStopped,
    StepFinished,
)
from azuraforge.schema.records import ForkPoint, PredictRequest, RunRecord, StudyRecord
from azuraforge.schema.specs import Range, RunSpec, StudySpec

ENDLESS = {"training.epochs": 100_000}
T = TypeVar("T")


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def tiny(threads: int = 1, **config: Any) -> RunSpec:
    return RunSpec(plugin="tiny", config=config, threads=threads)


def finished(handles: Handles, **config: Any) -> RunRecord:
    return now(handles.join(now(handles.start_run(tiny(**config))).id))


async def until_step(handles: Handles, run: str, step: int = 1) -> None:
    async for item in follow(handles.registry, run):
        event = item.event if isinstance(item, JournalEntry) else None
        if isinstance(event, StepFinished) and event.step >= step:
            return


async def events_of(handles: Handles, run: str) -> list[Event]:
    followed = [item async for item in follow(handles.registry, run)]
    return [item.event for item in followed if isinstance(item, JournalEntry)]


def test_a_runs_journal_is_what_its_spec_says_and_its_record_folds_it(handles: Handles) -> None:
    started = now(handles.start_run(tiny()))

    journal = now(events_of(handles, started.id))
    record = now(handles.join(started.id))

    assert journal == list(Trainer(tiny()))
    assert started.state == "queued"
    expected = started
    for event in journal:
        expected = folded(expected, event, at=0.0)
    beside = {"started_at": 0.0, "ended_at": 0.0, "telemetry": None, "chain": "", "attempt": 0}
    assert structs.replace(record, **beside) == structs.replace(expected, model_version=1)
    assert record.telemetry is not None
    assert record.telemetry.step == 9


def test_a_run_that_has_ended_is_followed_and_joined_as_well(handles: Handles) -> None:
    record = finished(handles)

    again = now(handles.join(record.id[:11]))

    assert again == record
    assert len(now(events_of(handles, record.id))) == record.last_seq


def test_runs_that_need_all_cores_queue_and_all_end(handles: Handles) -> None:
    runs = [now(handles.start_run(tiny(threads=2))) for _ in range(2)]

    records = [now(handles.join(run.id)) for run in runs]

    assert [record.state for record in records] == ["finished", "finished"]
    assert [record.model_version for record in records] == [1, 2]
    first, second = records
    assert first.ended_at is not None
    assert second.started_at is not None
    assert first.ended_at <= second.started_at


def test_a_running_run_stops_after_its_step_and_keeps_a_checkpoint(handles: Handles) -> None:
    run = now(handles.start_run(tiny(**ENDLESS))).id
    now(until_step(handles, run, step=4))

    now(handles.registry.command(run, Command(name="stop", reason="seen enough")))
    record = now(handles.join(run))

    assert (record.state, record.error) == ("stopped", None)
    *_, told, saved, end = now(events_of(handles, run))
    assert told == Intervened(step=record.step, command="stop", reason="seen enough", request=1)
    assert isinstance(saved, CheckpointSaved)
    assert end == RunStopped(step=record.step, reason="seen enough", checkpoint=record.checkpoint)


def test_a_run_is_paused_set_and_goes_on_by_its_commands(handles: Handles) -> None:
    async def commanded() -> list[Event]:
        run = (await handles.start_run(tiny(**ENDLESS))).id
        await until_step(handles, run)
        for command in (
            Command(name="pause", reason="lunch"),
            Command(name="set", path="optim.lr", value="1e-3"),
            Command(name="stop"),
        ):
            await handles.command_run(run, command)
        return await events_of(handles, run)

    told = [event for event in now(commanded()) if isinstance(event, Intervened)]

    assert [event.command for event in told] == ["pause", "set", "stop"]
    assert (told[1].path, told[1].value) == ("optim.lr", 0.001)
    assert len({event.step for event in told}) == 1


def test_a_setting_that_is_not_live_is_refused_and_nothing_is_written(handles: Handles) -> None:
    run = finished(handles)
    fixed = Command(name="set", path="training.batch_size", value=4)

    with pytest.raises(ConfigError, match="what can be set meanwhile: optim"):
        now(handles.command_run(run.id, fixed))
    with pytest.raises(ConfigError, match="what can be set meanwhile: optim"):
        now(handles.fork_run(run.id, 3, [fixed]))

    assert [record.id for record in now(handles.registry.runs())] == [run.id]
    assert now(handles.registry.requests(run.id)) == []


@pytest.mark.parametrize("step", [0, 4, 9])
def test_a_fork_is_its_parent_up_to_the_step_and_goes_its_own_way(
    handles: Handles, step: int
) -> None:
    parent = finished(handles)
    lower = Command(name="set", path="optim.lr", value=0.01)

    started = now(handles.fork_run(parent.id, step, [lower], tags={"idea": "slower"}))
    child = now(handles.join(started.id))

    past, own = (
        {e.step: e.digest for e in now(events_of(handles, run)) if isinstance(e, StepFinished)}
        for run in (parent.id, child.id)
    )
    assert (child.state, child.spec, child.tags) == ("finished", parent.spec, {"idea": "slower"})
    assert child.parent == ForkPoint(run=parent.id, step=step)
    assert [n for n in past if past[n] == own[n]] == list(range(1, step + 1))


def test_a_fork_beyond_the_steps_of_its_parent_is_refused(handles: Handles) -> None:
    parent = finished(handles)

    with pytest.raises(RefusedError, match="allowed are 0 to 9"):
        now(handles.fork_run(parent.id, 10))


def test_a_queued_run_that_is_stopped_never_begins(handles: Handles) -> None:
    first = now(handles.start_run(tiny(threads=2, **ENDLESS))).id
    now(until_step(handles, first))
    second = now(handles.start_run(tiny(threads=2))).id

    stopped = now(handles.registry.command(second, Command(name="stop", reason="changed my mind")))
    now(handles.registry.command(first, Command(name="stop", reason="")))

    assert stopped.state == "stopped"
    assert now(handles.join(second)) == stopped
    assert now(handles.join(first)).state == "stopped"
    assert now(events_of(handles, second)) == [RunStopped(step=0, reason="changed my mind")]


def test_a_run_that_is_stopped_while_its_data_is_read_ends_at_once_and_for_good(
    handles: Handles, tmp_path: Path
) -> None:
    gate, reached = tmp_path / "gate", tmp_path / "gate.reached"
    spec = tiny(**{"fault.kind": "slow-build", "fault.gate": str(gate)})
    run = now(handles.start_run(spec)).id
    while not reached.exists():
        time.sleep(0.005)

    stopped = now(handles.registry.command(run, Command(name="stop", reason="too slow")))
    gate.touch()

    assert now(handles.join(run)) == stopped
    assert now(events_of(handles, run)) == [RunStopped(step=0, reason="too slow")]


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        (RunSpec(plugin="tinny"), NotFoundError, "did you mean tiny"),
        (tiny(**{"optim.lr": -1}), ConfigError, r"optim\.lr: got -1"),
        (tiny(threads=1024), ConfigError, "threads: got 1024; allowed: 1 to "),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused_and_not_written_down(
    handles: Handles, spec: RunSpec, error: type[AzuraForgeError], said: str
) -> None:
    with pytest.raises(error, match=said):
        now(handles.start_run(spec))

    assert now(handles.registry.runs()) == []


def test_a_model_predicts_by_champion_and_by_number(handles: Handles) -> None:
    worse, better = finished(handles, **{"training.epochs": 1}), finished(handles)
    request = PredictRequest(inputs=[[1, 2], [3, 4]])

    champion = now(handles.predict("tiny", request))
    first = now(handles.predict("tiny", structs.replace(request, version="1")))

    assert (worse.model_version, better.model_version) == (1, 2)
    assert (champion.version, first.version) == (2, 1)
    assert champion.predictions != first.predictions
    assert now(handles.predict("tiny", request)) == champion


def test_a_prediction_that_cannot_be_made_says_why(handles: Handles) -> None:
    finished(handles)

    with pytest.raises(NotFoundError, match="none-such"):
        now(handles.predict("none-such", PredictRequest(inputs=[])))
    with pytest.raises(NotFoundError, match="'9'"):
        now(handles.predict("tiny", PredictRequest(inputs=[], version="9")))
    with pytest.raises(DataError, match=r"allowed: \(count, 2\)"):
        now(handles.predict("tiny", PredictRequest(inputs=[[1]])))


def test_a_model_whose_weights_are_gone_is_not_found(handles: Handles, tmp_path: Path) -> None:
    finished(handles)
    weights = now(handles.registry.model("tiny")).weights
    (tmp_path / "blobs" / "sha256" / weights[:2] / weights[2:]).unlink()

    with pytest.raises(NotFoundError, match=weights):
        now(handles.predict("tiny", PredictRequest(inputs=[[1, 1]])))


@pytest.mark.parametrize("fault", ["build", "unpicklable"])
def test_a_bug_in_a_plugin_is_a_failed_run_and_its_traceback_is_told(
    handles: Handles, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, text = {
        "build": ("ValueError", "a bug in the plugin"),
        "unpicklable": ("UnpicklableError", "1 and 2"),
    }[fault]

    with caplog.at_level(logging.ERROR, "azuraforge"):
        record = finished(handles, **{"fault.kind": fault})

    assert (record.state, record.error) == ("failed", f"{kind}: {text}")
    assert now(events_of(handles, record.id)) == [RunFailed(step=0, kind=kind, error=text)]
    assert f"run {record.id}" in caplog.text
    assert "azuraforge_tiny.py" in caplog.text


def test_data_that_cannot_be_trained_on_is_a_failed_run_without_a_traceback(
    handles: Handles, caplog: pytest.LogCaptureFixture
) -> None:
    record = finished(handles, **{"fault.kind": "data"})

    assert record.error == "DataError: tiny.csv: 0 rows; allowed: 1 or more"
    assert caplog.text == ""


def test_joining_somebody_elses_run_is_refused(handles: Handles) -> None:
    written_down = now(handles.registry.create_run(tiny()))

    with pytest.raises(NotFoundError, match="is queued, and was not started by this"):
        now(handles.join(written_down.id))
    with pytest.raises(NotFoundError, match="no run 'x'"):
        now(handles.join("x"))


def test_giving_up_a_join_leaves_the_run_alone(handles: Handles) -> None:
    run = now(handles.start_run(tiny(**ENDLESS))).id
    now(until_step(handles, run))

    with pytest.raises(TimeoutError):
        now(asyncio.wait_for(handles.join(run), timeout=0.01))

    assert now(handles.registry.run(run)).state == "running"


def test_a_study_runs_its_trials_and_tells_of_each_that_began_or_ended(handles: Handles) -> None:
    space = {"optim.lr": Range(low=0.001, high=0.1, log=True)}
    spec = StudySpec(base=tiny(), space=space, trials=2, parallel=2)
    told: list[StudyRecord] = []

    study = now(handles.run_study(spec, told.append))

    assert [trial.state for trial in study.trials] == ["finished"] * 2
    for trial in study.trials:
        assert trial.run is not None
        record = now(handles.registry.run(trial.run))
        assert record.spec.study == study.id
        assert record.spec.config["optim"]["lr"] == trial.values["optim.lr"]
        assert trial.value == record.metrics["loss"]
    values = {trial.number: trial.value for trial in study.trials}
    assert study.best == min(values, key=lambda number: values[number] or 0.0)
    states = [[trial.state for trial in record.trials] for record in told]
    assert len(states) == 4
    assert "running" in states[0]
    assert states[-1] == ["finished"] * 2
    assert now(handles.registry.study(study.id)) == study
    assert now(handles.registry.study_spec(study.id)) == spec


def test_a_trial_that_fails_does_not_end_the_study(handles: Handles) -> None:
    space = {"fault.step": Range(low=1, high=20, whole=True)}
    base = tiny(**{"fault.kind": "nan-loss"})

    study = now(handles.run_study(StudySpec(base=base, space=space, trials=2, seed=2)))

    expected = ["failed" if t.values["fault.step"] <= 9 else "finished" for t in study.trials]
    assert [trial.state for trial in study.trials] == expected
    assert {"failed", "finished"} == set(expected), "another seed, to see both"


def test_leaving_a_study_stops_its_trials(handles: Handles) -> None:
    space = {"optim.lr": Range(low=0.001, high=0.01)}
    spec = StudySpec(base=tiny(**ENDLESS), space=space, trials=9, parallel=1)

    def leave(study: StudyRecord) -> None:
        raise KeyError("nobody listens any more")

    with pytest.raises(KeyError):
        now(handles.run_study(spec, leave))

    (only,) = now(handles.registry.runs())
    assert now(handles.join(only.id)).state == "stopped"


def test_closing_stops_what_runs_and_what_waits(handles: Handles, tmp_path: Path) -> None:
    runs = [now(handles.start_run(tiny(threads=2, **ENDLESS))).id for _ in range(2)]
    now(until_step(handles, runs[0]))

    now(handles.close())
    now(handles.close())  # a second time does nothing

    records = {record.id: record for record in now(read_again(tmp_path))}
    assert [records[run].state for run in runs] == ["stopped"] * 2
    assert [records[run].step > 0 for run in runs] == [True, False]


async def read_again(home: Path) -> list[RunRecord]:
    async with connect("local", home=home) as handles:
        return await handles.registry.runs()


def test_a_closed_runtime_refuses_what_it_is_asked(handles: Handles) -> None:
    now(handles.close())

    with pytest.raises(RefusedError, match="closed"):
        now(handles.start_run(tiny()))
    with pytest.raises(RefusedError, match="closed"):
        now(handles.predict("tiny", PredictRequest(inputs=[])))
    with pytest.raises(RefusedError, match="closed"):
        now(handles.registry.runs())


def test_nothing_is_kept_of_runs_that_have_ended(handles: Handles) -> None:
    finished(handles)
    finished(handles, **{"fault.kind": "data"})

    assert handles._keeper.runs == {}


def test_the_plugins_are_listed_with_their_fields(handles: Handles) -> None:
    listed = {info.name: info for info in now(handles.plugins())}

    assert listed["tiny"].error is None
    assert "optim.lr" in [field.path for field in listed["tiny"].fields]


@pytest.mark.ray
def test_the_same_spec_has_the_same_journal_in_both_runtimes(
    on_ray: Handles, tmp_path: Path
) -> None:
    local = connect("local", home=tmp_path / "local")

    journals = []
    for handles in (local, on_ray):
        run = now(handles.start_run(tiny())).id
        journals.append(now(events_of(handles, run)))
    now(local.close())

    assert journals[0] == journals[1]
    assert isinstance(journals[0][-1], RunFinished)


def test_a_run_is_paused_stepped_changed_saved_and_resumed_while_it_is_on(handles: Handles) -> None:
    async def live() -> list[Intervened]:
        run = (await handles.start_run(tiny(**ENDLESS))).id
        asked = [
            Command(name="pause"),
            Command(name="step", count=2),
            Command(name="set", path="optim.lr", value=0.01),
            Command(name="checkpoint"),
            Command(name="resume"),
            Command(name="stop", reason="seen enough"),
        ]
        done: list[Intervened] = []
        await until_step(handles, run)
        for command in asked:
            await handles.registry.command(run, command)
            async for item in follow(handles.registry, run):
                event = item.event if isinstance(item, JournalEntry) else None
                if isinstance(event, Intervened) and event.request == len(done) + 1:
                    done.append(event)
                    break
        await handles.join(run)
        return done

    done = now(live())

    names = [event.command for event in done]
    assert names == ["pause", "step", "set", "checkpoint", "resume", "stop"]
    assert [event.refused for event in done] == [""] * 6
    paused, _, *changed, _ = done
    assert done[1].step == paused.step
    assert all(event.step in (paused.step, paused.step + 2) for event in changed)


def test_a_trainer_whose_run_another_attempt_was_given_writes_no_more(handles: Handles) -> None:
    run = now(handles.start_run(tiny(**ENDLESS))).id
    now(until_step(handles, run))

    now(handles.registry.begin_attempt(run, "elsewhere"))
    for _ in range(2):  # whoever joins later is told the same
        with pytest.raises(FencedError):
            now(handles.join(run))

    record = now(handles.registry.run(run))
    assert record.attempt == 2
    assert record.state == "running"


def test_a_run_is_there_for_everybody_from_the_moment_it_is_accepted(handles: Handles) -> None:
    first = now(handles.start_run(tiny(threads=2, **ENDLESS))).id
    second = now(handles.start_run(tiny(threads=2))).id

    listed = {record.id: record.state for record in now(handles.registry.runs())}

    assert listed.keys() == {first, second}
    assert listed[second] == "queued"
