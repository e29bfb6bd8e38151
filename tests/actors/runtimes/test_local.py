"""What is the in-process runtime's alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from azuraforge.actors.connect import connect
from azuraforge.actors.runtimes.keeper import TrainerLostError
from azuraforge.actors.runtimes.local import Local
from azuraforge.actors.runtimes.runtime import MOST_PREDICTORS
from azuraforge.actors.runtimes.supervisor import Start
from azuraforge.errors import ConfigError, HomeError, RunError
from azuraforge.schema.records import PredictRequest, RunRecord
from azuraforge.schema.specs import Range, RunSpec, StudySpec

TINY = Path(__file__).parents[1] / "tiny"


def tiny(**config: Any) -> RunSpec:
    return RunSpec(plugin="tiny", config=config)


async def only_run(home: Path) -> RunRecord:
    async with connect("local", home=home) as handles:
        (run,) = await handles.registry.runs()
        return run


def exit_of_a_script(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(TINY), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "AZURAFORGE_HOME": str(home), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_script_that_ends_without_closing_stops_its_run_cleanly(tmp_path: Path) -> None:
    script = (
        "import asyncio, azuraforge\n"
        "from azuraforge.actors.handles import follow\n"
        "spec = azuraforge.RunSpec(plugin='tiny', config={'training.epochs': 100_000})\n"
        "async def first_step(handles):\n"
        "    run = await handles.start_run(spec)\n"
        "    async for item in follow(handles.registry, run.id):\n"
        "        if getattr(getattr(item, 'event', None), 'step', 0):\n"
        "            return\n"
        "asyncio.run(first_step(azuraforge.connect('local')))\n"
    )

    ended = exit_of_a_script(script, tmp_path)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    run = asyncio.run(only_run(tmp_path))
    assert run.state == "stopped"
    assert run.checkpoint is not None


def test_a_script_that_starts_a_run_and_ends_stops_it_before_it_began(tmp_path: Path) -> None:
    script = (
        "import asyncio, azuraforge\n"
        "spec = azuraforge.RunSpec(plugin='tiny', config={'training.epochs': 100_000})\n"
        "asyncio.run(azuraforge.connect('local').start_run(spec))\n"
    )

    ended = exit_of_a_script(script, tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert asyncio.run(only_run(tmp_path)).state == "stopped"


def test_a_disk_that_fills_up_ends_the_run_and_is_told_to_whoever_joins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = Local(tmp_path)

    def append(*_: object) -> None:
        raise HomeError("no room left")

    monkeypatch.setattr(handles._core, "append", append)
    run = asyncio.run(handles.start_run(tiny())).id

    for _ in range(2):  # as often as somebody asks
        with pytest.raises(HomeError, match="no room left"):
            asyncio.run(handles.join(run))
    asyncio.run(handles.close())


def lost(start: Start) -> Future[None]:
    """The work of a Trainer that died without a word."""
    work: Future[None] = Future()
    work.set_exception(TrainerLostError("it was killed"))
    return work


def test_a_run_whose_trainers_all_die_is_given_up_with_the_cause_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = Local(tmp_path)
    monkeypatch.setattr(handles, "train", lost)
    run = asyncio.run(handles.start_run(tiny())).id

    with pytest.raises(RunError, match=r"was given up: 3 of 3 attempts .* because it was killed"):
        asyncio.run(handles.join(run))

    record = asyncio.run(handles.registry.run(run))
    (letter,) = asyncio.run(handles.registry.dead_letters())
    asyncio.run(handles.close())
    assert record.state == "failed"
    assert record.error == f"RunError: {letter.cause}"
    assert letter.cause == "3 of 3 attempts were lost, the last because it was killed"


def test_a_trial_whose_trainer_was_lost_is_a_failed_one_among_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = Local(tmp_path)
    monkeypatch.setattr(handles, "train", lost)
    space = {"optim.lr": Range(low=0.01, high=0.1)}

    study = asyncio.run(handles.run_study(StudySpec(base=tiny(), space=space, trials=2)))
    asyncio.run(handles.close())

    assert [trial.state for trial in study.trials] == ["failed", "failed"]


def test_a_bug_beside_the_trainer_is_a_failed_run_too_and_whoever_joins_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(spec: RunSpec, **_: object) -> None:
        raise AttributeError("a bug of ours")

    monkeypatch.setattr("azuraforge.actors.training.attempt.Trainer", broken)
    handles = Local(tmp_path)
    run = asyncio.run(handles.start_run(tiny())).id

    with pytest.raises(RunError, match=f"run {run} failed of a bug: AttributeError: a bug of ours"):
        asyncio.run(handles.join(run))

    record = asyncio.run(handles.registry.run(run))
    asyncio.run(handles.close())
    assert (record.state, record.error) == ("failed", "AttributeError: a bug of ours")
    assert "in broken" in caplog.text


def test_only_the_latest_predictors_are_kept(tmp_path: Path) -> None:
    handles = Local(tmp_path)
    request = PredictRequest(inputs=[[1, 1]], version="1")

    for number in range(MOST_PREDICTORS + 2):
        spec = RunSpec(plugin="tiny", model=f"m{number}")
        asyncio.run(handles.join(asyncio.run(handles.start_run(spec)).id))
        asyncio.run(handles.predict(f"m{number}", request))
    asyncio.run(handles.predict("m2", request))  # used again: the last to go
    asyncio.run(handles.predict("m0", request))
    kept = [name for name, _ in handles._predictors]
    asyncio.run(handles.close())

    assert kept == [*(f"m{n}" for n in range(4, MOST_PREDICTORS + 2)), "m2", "m0"]


def test_ray_asked_for_where_it_is_not_installed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azuraforge.actors.connect.find_spec", lambda name: None)

    with pytest.raises(ConfigError, match=r"install azuraforge\[ray\]"):
        connect("ray", home=tmp_path)

    handles = connect(home=tmp_path)
    assert handles.runtime == "local"
    asyncio.run(handles.close())
