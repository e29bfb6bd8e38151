"""An exported folder says to MLflow's own client what the Registry says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.actors.recording.registry import Registry
from azuraforge.errors import ConfigError, HomeError
from azuraforge.schema.events import RunFailed, StepFinished
from azuraforge.schema.metrics import MetricRow
from azuraforge.schema.specs import RunSpec
from azuraforge.store.mlflow import export, key
from azuraforge.store.sqlite import SQLite
from tests.conftest import Clock
from tests.store.journals import whole_run

CONFIG = {"data": {"path": "a b.csv", "note": "two\nlines"}, "optim": {"lr": 0.1, "clip": None}}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(tmp_path, clock=Clock())) as registry:
        yield registry


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """MLflow, told to read files."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    found: ModuleType = pytest.importorskip("mlflow", reason="needs azuraforge[peers]")
    return found


@pytest.mark.filterwarnings("ignore::FutureWarning:mlflow")  # files are no longer its first choice
def test_mlflow_reads_what_the_registry_tells(
    registry: Registry, tmp_path: Path, mlflow: ModuleType
) -> None:
    spec = RunSpec(plugin="images", config=CONFIG, seed=3)
    tags = {"stage": "draft", "a/b": "x\ny"}
    finished = registry.create_run(spec, experiment="first try", tags=tags).id
    registry.append(finished, 1, whole_run())
    registry.log_metrics(finished, [MetricRow(name="a/b", step=2, value=0.5, time=7.0)], number=1)
    failed = registry.create_run(spec).id
    registry.append(failed, 1, [*whole_run()[:2], RunFailed(step=1, kind="DataError", error="e")])

    assert export_of(tmp_path) == 2

    client = mlflow.MlflowClient((tmp_path / "out").as_uri())
    names = {e.name: e.experiment_id for e in client.search_experiments()}
    assert {"first try", "default"} <= set(names)
    (run,) = client.search_runs([names["first try"]])
    assert (run.info.run_id, run.info.run_name, run.info.status) == (finished, finished, "FINISHED")
    assert run.info.start_time == Clock().now_s * 1000
    assert run.data.params == {
        "data.path": "a b.csv", "data.note": '"two\\nlines"', "optim.lr": "0.1",
        "optim.clip": "null",
    }  # fmt: skip
    assert {k: run.data.tags[k] for k in ("stage", "a:2fb", "azuraforge.seed")} == {
        "stage": "draft", "a:2fb": "x\ny", "azuraforge.seed": "3",
    }  # fmt: skip
    assert client.get_run(failed).info.status == "FAILED"
    steps = [e.event for e in registry.events(finished) if isinstance(e.event, StepFinished)]
    history = client.get_metric_history(finished, "step/loss")
    assert [(m.step, m.value) for m in history] == [(step.step, step.loss) for step in steps]
    assert run.data.metrics["test/loss"] == 1.875
    (logged,) = client.get_metric_history(finished, "logged/a:2fb")
    assert (logged.timestamp, logged.step, logged.value) == (7000, 2, 0.5)
    assert sorted(a.path for a in client.list_artifacts(finished)) == ["journal.jsonl", "spec.json"]


def test_the_journal_is_there_as_it_was_written(registry: Registry, tmp_path: Path) -> None:
    run = registry.create_run(RunSpec(plugin="images")).id
    registry.append(run, 1, whole_run())

    export_of(tmp_path)

    (journal,) = (tmp_path / "out").glob(f"*/{run}/artifacts/journal.jsonl")
    types = [json.loads(line)["type"] for line in journal.read_text().splitlines()]
    assert types == ["run-started", "step", "validation", "step", "epoch", "finished"]


def test_a_folder_that_holds_something_is_left_alone(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")

    with pytest.raises(ConfigError, match="out: holds something already; allowed: a new or an"):
        export_of(tmp_path)

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_place_that_cannot_be_written_is_named(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with (
        closing(SQLite(tmp_path)) as database,
        pytest.raises(HomeError, match=r"file/out: cannot be written \(Not a directory\)"),
    ):
        export(database, tmp_path / "file" / "out")


@given(st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=20))
def test_names_stay_apart_and_are_one_file_each(names: list[str]) -> None:
    keys = [key(name) for name in names]

    assert len(set(keys)) == len(names)
    for made in keys:
        assert "/" not in made
        assert made not in (".", "..")


@pytest.mark.parametrize("value", [0.1, 1e-300, 123456789.123456789, math.pi])
def test_metrics_keep_every_bit(value: float, registry: Registry, tmp_path: Path) -> None:
    run = registry.create_run(RunSpec(plugin="images")).id
    step = StepFinished(step=1, epoch=1, loss=value, lr=0.1, grad_norm=1.0)
    registry.append(run, 1, [whole_run()[0], step])

    export_of(tmp_path)

    (lines,) = (tmp_path / "out").glob(f"*/{run}/metrics/step/loss")
    at_ms, told, number = lines.read_text().split()
    assert (int(at_ms), float(told), int(number)) == (Clock().now_s * 1000, value, 1)


def export_of(home: Path) -> int:
    """The number of runs exported to `out`."""
    with closing(SQLite(home)) as database:
        return export(database, home / "out")
