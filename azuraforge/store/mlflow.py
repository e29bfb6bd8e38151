"""Runs as MLflow's file store has them: a folder that its client, its page and its migration read.

    <experiment>/meta.yaml
    <experiment>/<run>/meta.yaml
    <experiment>/<run>/params/optim.lr              a value
    <experiment>/<run>/metrics/validation/loss      lines of time in ms, value, step
    <experiment>/<run>/tags/mlflow.runName          a text
    <experiment>/<run>/artifacts/                   spec.json, journal.jsonl

Source: mlflow/store/tracking/file_store.py of MLflow 3.17, where MLFLOW_ALLOW_FILE_STORE=true opens
        it; `mlflow migrate-filestore` makes a database of it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from azuraforge.errors import ConfigError, HomeError
from azuraforge.schema.records import RunRecord, RunState
from azuraforge.store import journal, metrics, runs
from azuraforge.store.database import Database
from azuraforge.store.snapshot_tables import Row, journal_rows, param_rows, point_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from azuraforge.store.runs import StoredRun

STATUS: dict[RunState, int] = {  # RUNNING 1, SCHEDULED 2, FINISHED 3, FAILED 4, KILLED 5
    "queued": 2, "running": 1, "paused": 1, "lost": 1, "finished": 3, "failed": 4, "stopped": 5,
}  # fmt: skip
LOCAL_SOURCE = 4
MILLISECONDS = 1e3


def export(database: Database, folder: Path) -> int:
    """Write every run into a new folder, whole or not at all; how many they were.

    Raises: ConfigError if the folder holds something; HomeError if it cannot be written.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: holds something already; allowed: a new or an empty folder")
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # of an export that was cut off
        part.mkdir(parents=True)
        with database.read() as db:
            every = list(runs.every(db))
            for name in dict.fromkeys(run.record.experiment for run in every):
                members = [run for run in every if run.record.experiment == name]
                _write_experiment(part, folder, name, members[0].record.created_at)
                for run in members:
                    _write_run(db, part, folder, run)
        part.replace(folder)
    except OSError as error:
        raise HomeError(f"{folder}: cannot be written ({error.strerror})") from error
    return len(every)


def experiment_id(name: str) -> str:
    """The number of an experiment of this name: 18 digits, as MLflow's own."""
    return f"{int.from_bytes(sha256(name.encode()).digest()[:8]) % 10**18:018}"


def key(name: str) -> str:
    """The name as one file's: what MLflow does not allow in it, and slashes, as :hex of it."""
    escaped = re.sub(r"[^\w.\- ]", lambda found: f":{ord(found[0]):x}", name)
    return escaped.replace(".", ":2e") if escaped.strip(".") == "" else escaped


def _write_experiment(part: Path, folder: Path, name: str, created_at: float) -> None:
    number, at_ms = experiment_id(name), round(created_at * MILLISECONDS)
    (part / number).mkdir()
    _write_yaml(
        part / number / "meta.yaml",
        {
            "artifact_location": (folder / number).as_uri(),
            "creation_time": at_ms,
            "experiment_id": number,
            "last_update_time": at_ms,
            "lifecycle_stage": "active",
            "name": name,
        },
    )


def _write_run(db: Connection, part: Path, folder: Path, run: StoredRun) -> None:
    record = run.record
    place = Path(experiment_id(record.experiment)) / record.id
    for kind in ("params", "metrics", "tags", "artifacts"):
        (part / place / kind).mkdir(parents=True)
    _write_yaml(part / place / "meta.yaml", _meta(record, folder / place))
    for _, path, value, _ in param_rows(record):
        # A parameter is one line; the name of a setting is one already.
        text = json.dumps(value) if "\n" in value else value
        _write(part / place / "params" / key(path), text)
    for name, value in _tags(record).items():
        _write(part / place / "tags" / key(name), value)
    entries = list(journal.recorded(db, run))
    beside = point_rows(record.id, metrics.beside(db, run.number))
    for name, lines in _metric_lines([*journal_rows(entries)[1], *beside]).items():
        _write(part / place / "metrics" / name, "".join(lines))
    spec = msgspec.json.format(msgspec.json.encode(record.spec)).decode()
    _write(part / place / "artifacts" / "spec.json", f"{spec}\n")
    told = "".join(f"{entry.text}\n" for entry in entries)
    _write(part / place / "artifacts" / "journal.jsonl", told)


def _metric_lines(rows: Iterable[Row]) -> Mapping[str, list[str]]:
    """Of each metric, by the part of the run that it measures and its name."""
    lines: dict[str, list[str]] = defaultdict(list)
    for _, _, step, _, part, name, value, at in rows:
        lines[f"{part}/{key(name)}"].append(f"{round(at * MILLISECONDS)} {value!r} {step}\n")
    return lines


def _meta(record: RunRecord, place: Path) -> dict[str, Any]:
    begin = record.created_at if record.started_at is None else record.started_at
    return {
        "artifact_uri": (place / "artifacts").as_uri(),
        "end_time": None if record.ended_at is None else round(record.ended_at * MILLISECONDS),
        "entry_point_name": "",
        "experiment_id": experiment_id(record.experiment),
        "lifecycle_stage": "active",
        "run_id": record.id,
        "run_name": record.id,
        "run_uuid": record.id,
        "source_name": "",
        "source_type": LOCAL_SOURCE,
        "source_version": "",
        "start_time": round(begin * MILLISECONDS),
        "status": STATUS[record.state],
        "tags": [],
        "user_id": "azuraforge",
    }


def _tags(record: RunRecord) -> dict[str, str]:
    """The run's own tags, and what MLflow has no place for."""
    ours = {
        "plugin": record.spec.plugin,
        "seed": str(record.spec.seed),
        "state": record.state,
        "chain": record.chain,
        "error": record.error or "",
        "model": f"{record.model}:{record.model_version}" if record.model_version else "",
        "parent": f"{record.parent.run} at step {record.parent.step}" if record.parent else "",
    }
    told = {f"azuraforge.{name}": value for name, value in ours.items() if value}
    return {"mlflow.runName": record.id, **told, **record.tags}


def _write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """JSON's scalars are YAML's."""
    _write(path, "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items()))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8", newline="")
