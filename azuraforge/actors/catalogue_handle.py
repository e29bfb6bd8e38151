"""The part of the Registry's protocol that is not about journals: series, catalogue, access."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from azuraforge.schema.catalogue import (
    Artifact,
    AuditEntry,
    Dataset,
    Experiment,
    Key,
    Lineage,
    NewKey,
    Scope,
    User,
)
from azuraforge.schema.metrics import MetricRow, Series
from azuraforge.schema.records import ModelVersion, RunRecord, StudyRecord, Trial
from azuraforge.schema.specs import StudySpec


class CatalogueHandle(Protocol):
    """What is kept beside the journals of runs."""

    async def log_metrics(
        self, run: str, rows: Sequence[MetricRow], *, number: int, attempt: int = 1
    ) -> None:
        """Keep rows that no event holds, as the batch `number` of this attempt; only once.

        Raises: NotFoundError; FencedError; RefusedError for NaN or Inf.
        """
        ...

    async def metrics(
        self,
        run: str,
        names: Sequence[str] | None = None,
        after: int = 0,
        points: int | None = None,
    ) -> list[Series]:
        """The run's series of these names, or all, by name: what belongs to steps beyond `after`.

        With `points`, about so many of each: the least and the greatest of every stretch, so that
        no peak is lost.

        Raises: NotFoundError; ConfigError for fewer than two points.
        """
        ...

    async def thin(self, run: str, keep: int = 10000, *, by: str = "") -> int:
        """Let go of a run's raw points but for about `keep` of each series; how many went.

        Its journal, which holds the numbers of its events, stays as it is.

        Raises: NotFoundError; ConfigError for fewer than two.
        """
        ...

    async def set_alias(self, name: str, alias: str, version: str, *, by: str = "") -> ModelVersion:
        """Let the alias stand for this version (a number or an alias) of the model from now on.

        `champion` too, until a better version is registered. Raises: NotFoundError; ConfigError.
        """
        ...

    async def delete_alias(self, name: str, alias: str, *, by: str = "") -> None:
        """Let the alias of the model stand for nothing. Raises: NotFoundError."""
        ...

    async def experiments(self) -> list[Experiment]:
        """The experiments by name, with the number of their runs."""
        ...

    async def describe_experiment(self, name: str, description: str) -> None:
        """Say what an experiment is about; it is made if need be. Raises: ConfigError."""
        ...

    async def params(self, run: str) -> dict[str, Any]:
        """The values of the run's config by dotted path. Raises: NotFoundError."""
        ...

    async def tag(self, run: str, new: Mapping[str, str]) -> RunRecord:
        """Give the run these tags, in place of those under the same keys.

        Raises: NotFoundError; ConfigError for a key that is empty, long or has `=` in it.
        """
        ...

    async def untag(self, run: str, keys: Sequence[str]) -> RunRecord:
        """Take the tags of these keys from the run. Raises: NotFoundError."""
        ...

    async def log_artifact(self, run: str, artifact: Artifact) -> Artifact:
        """Keep a blob with the run under a name, in place of the one there.

        Raises: NotFoundError; ConfigError for a name or a SHA-256 that is none.
        """
        ...

    async def artifacts(self, run: str) -> list[Artifact]:
        """The run's artifacts by name. Raises: NotFoundError."""
        ...

    async def datasets(self) -> list[Dataset]:
        """All data that runs were given, the newest first."""
        ...

    async def name_dataset(self, sha256: str, name: str) -> None:
        """Call data so. Raises: NotFoundError; ConfigError for a name that is too long."""
        ...

    async def lineage(self, run: str) -> Lineage:
        """Where the run comes from and what came of it. Raises: NotFoundError."""
        ...

    async def delete_run(self, run: str, *, by: str = "") -> None:
        """Delete a run with its journal and its series; its blobs go with the next collection.

        Raises: NotFoundError; RefusedError while it is on, has the tag `keep`, or a model of it is
            registered.
        """
        ...

    async def create_study(self, study: str, spec: StudySpec) -> None:
        """Write down a new study under this id. Raises: RefusedError if it is taken."""
        ...

    async def put_trial(self, study: str, trial: Trial) -> None:
        """Write down a trial as it now stands. Raises: NotFoundError."""
        ...

    async def study(self, study: str) -> StudyRecord:
        """The study as its trials stand. Raises: NotFoundError."""
        ...

    async def study_spec(self, study: str) -> StudySpec:
        """What the study searches. Raises: NotFoundError."""
        ...

    async def studies(self, limit: int = 100) -> list[str]:
        """The ids of studies, newest first."""
        ...

    async def add_user(self, name: str, *, by: str = "") -> User:
        """Write down a new user. Raises: ConfigError; RefusedError if the name is taken."""
        ...

    async def users(self) -> list[User]:
        """All users by name."""
        ...

    async def create_key(
        self, user: str, scopes: Sequence[Scope], label: str = "", *, by: str = ""
    ) -> NewKey:
        """A new key for a user; its secret is told here and never again.

        Raises: NotFoundError for the user; ConfigError for scopes that are none.
        """
        ...

    async def authenticate(self, secret: str) -> Key:
        """The key whose secret this is. Raises: RefusedError, the same for every reason."""
        ...

    async def keys(self, user: str | None = None) -> list[Key]:
        """The keys of a user, or of all, oldest first, revoked ones too."""
        ...

    async def revoke_key(self, id: str, *, by: str = "") -> Key:
        """Let nobody in with this key from now on. Raises: NotFoundError."""
        ...

    async def audit(self, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
        """Who did what to what, the newest first; `before` (a number) continues a list."""
        ...

    async def note(self, who: str, what: str, subject: str, details: str = "") -> None:
        """Write down that somebody did something that the Registry does not see."""
        ...
