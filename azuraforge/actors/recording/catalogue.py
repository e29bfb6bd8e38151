"""The Registry's part that knows what is kept beside runs: what they belong to, use and make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs

from azuraforge.actors.recording.transactions import Transactions
from azuraforge.errors import ConfigError, NotFoundError, RefusedError
from azuraforge.schema.catalogue import Artifact, Dataset, Experiment, Lineage
from azuraforge.schema.records import ENDED, RunRecord, StudyRecord, Trial
from azuraforge.schema.specs import StudySpec
from azuraforge.store import (
    artifacts,
    datasets,
    experiments,
    lineage,
    models,
    runs,
    studies,
    tags,
)

KEEP = "keep"  # a run with this tag is not deleted


class Catalogue(Transactions):
    """Experiments, params, tags, artifacts, datasets, lineage, studies."""

    def experiments(self) -> list[Experiment]:
        """The experiments by name, with the number of their runs."""
        with self._reading() as db:
            return experiments.every(db)

    def describe_experiment(self, name: str, description: str) -> None:
        """Say what an experiment is about; it is made if need be. Raises: ConfigError."""
        checked(Experiment(name=name, description=description))
        with self._writing() as writing:
            experiments.ensure(writing.db, name, writing.at, description)

    def params(self, run: str) -> dict[str, Any]:
        """The values of the run's config by dotted path. Raises: NotFoundError."""
        with self._reading() as db:
            return experiments.params_of(db, runs.beginning(db, run).number)

    def tag(self, run: str, new: Mapping[str, str]) -> RunRecord:
        """Give the run these tags, in place of those under the same keys.

        Raises: NotFoundError; ConfigError for a key that is empty, long or has `=` in it.
        """
        for key in new:
            if not 0 < len(key) <= 100 or "=" in key:
                raise ConfigError(f"tag: got {key!r}; allowed: 1 to 100 characters without '='")
        with self._writing() as writing:
            stored = runs.beginning(writing.db, run)
            record = structs.replace(stored.record, tags={**stored.record.tags, **new})
            tags.put(writing.db, stored.number, new)
            runs.amend(writing.db, stored, record)
            writing.told[record.id] = []
            return record

    def untag(self, run: str, keys: Sequence[str]) -> RunRecord:
        """Take the tags of these keys from the run. Raises: NotFoundError."""
        with self._writing() as writing:
            stored = runs.beginning(writing.db, run)
            left = {key: value for key, value in stored.record.tags.items() if key not in keys}
            record = structs.replace(stored.record, tags=left)
            tags.remove(writing.db, stored.number, list(keys))
            runs.amend(writing.db, stored, record)
            writing.told[record.id] = []
            return record

    def log_artifact(self, run: str, artifact: Artifact) -> Artifact:
        """Keep a blob with the run under a name, in place of the one there.

        Raises: NotFoundError; ConfigError for a name or a SHA-256 that is none.
        """
        checked(artifact)
        with self._writing() as writing:
            kept = structs.replace(artifact, created_at=writing.at)
            artifacts.put(writing.db, runs.beginning(writing.db, run).number, kept)
            return kept

    def artifacts(self, run: str) -> list[Artifact]:
        """The run's artifacts by name. Raises: NotFoundError."""
        with self._reading() as db:
            return artifacts.of_run(db, runs.beginning(db, run).number)

    def datasets(self) -> list[Dataset]:
        """All data that runs were given, the newest first."""
        with self._reading() as db:
            return datasets.every(db)

    def name_dataset(self, sha256: str, name: str) -> None:
        """Call data so. Raises: NotFoundError; ConfigError for a name that is too long."""
        checked(Dataset(sha256=sha256, name=name))
        with self._writing() as writing:
            if not datasets.rename(writing.db, sha256, name):
                raise NotFoundError(f"no run was given data of SHA-256 {sha256}")

    def lineage(self, run: str) -> Lineage:
        """Where the run comes from and what came of it. Raises: NotFoundError."""
        with self._reading() as db:
            stored = runs.beginning(db, run)
            return Lineage(
                run=stored.record.id,
                ancestors=lineage.ancestors(db, stored.number),
                children=lineage.children(db, stored.number),
                datasets=datasets.of_run(db, stored.number),
                models=models.of_run(db, stored.number),
            )

    def delete_run(self, run: str, *, by: str = "") -> None:
        """Delete a run with its journal and its series; its blobs go with the next collection.

        Raises: NotFoundError; RefusedError while it is on, has the tag `keep`, or a model of it is
            registered.
        """
        with self._writing() as writing:
            stored = runs.beginning(writing.db, run)
            record = stored.record
            made = models.of_run(writing.db, stored.number)
            if record.state not in ENDED:
                raise RefusedError(
                    f"run {record.id} is {record.state}; stop it before it is deleted"
                )
            if KEEP in record.tags or made:
                why = f"model {made[0]} is of it" if made else "its tag 'keep' says so"
                raise RefusedError(f"run {record.id} is kept: {why}")
            runs.delete(writing.db, stored.number)
            writing.note(by, "delete-run", record.id)

    def create_study(self, study: str, spec: StudySpec) -> None:
        """Write down a new study under this id. Raises: RefusedError if it is taken."""
        with self._writing() as writing:
            if studies.spec_of(writing.db, study) is not None:
                raise RefusedError(f"study {study} is there already")
            studies.add(writing.db, study, spec, writing.at)

    def put_trial(self, study: str, trial: Trial) -> None:
        """Write down a trial as it now stands. Raises: NotFoundError."""
        with self._writing() as writing:
            _spec(study, studies.spec_of(writing.db, study))
            studies.put_trial(writing.db, study, trial)

    def study(self, study: str) -> StudyRecord:
        """The study as its trials stand. Raises: NotFoundError."""
        with self._reading() as db:
            _spec(study, studies.spec_of(db, study))
            trials = studies.trials_of(db, study)
            begun = [runs.called(db, trial.run).record for trial in trials if trial.run is not None]
        told = next((record for record in begun if record.monitor is not None), None)
        monitor, mode = (told.monitor, told.mode) if told else (None, None)
        valued = [trial for trial in trials if trial.value is not None]
        pick = max if mode == "max" else min
        best = pick(valued, key=lambda trial: trial.value or 0.0).number if valued else None
        return StudyRecord(id=study, trials=trials, monitor=monitor, mode=mode, best=best)

    def study_spec(self, study: str) -> StudySpec:
        """What the study searches. Raises: NotFoundError."""
        with self._reading() as db:
            return _spec(study, studies.spec_of(db, study))

    def studies(self, limit: int = 100) -> list[str]:
        """The ids of studies, newest first."""
        with self._reading() as db:
            return studies.newest(db, limit)


def checked(value: Struct) -> None:
    """Raises: ConfigError for a field beyond what its type allows, which Python does not see to."""
    try:
        msgspec.convert(structs.asdict(value), type(value))
    except msgspec.ValidationError as error:
        raise ConfigError(f"{type(value).__name__.lower()}: {error}") from error


def _spec(study: str, spec: StudySpec | None) -> StudySpec:
    if spec is None:
        raise NotFoundError(f"no study {study!r}")
    return spec
