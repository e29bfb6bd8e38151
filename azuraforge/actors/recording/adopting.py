"""The part of the Registry that takes in runs which were made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence, Set

from msgspec import structs

from azuraforge.actors.recording.appending import EVENT, extend
from azuraforge.actors.recording.transactions import Transaction, Transactions
from azuraforge.errors import RefusedError
from azuraforge.schema.records import RunRecord
from azuraforge.store import checkpoints, experiments, journal, lineage, runs, tags


class Adoption(Transactions):
    """Runs that come and go with their whole journal."""

    def texts(self, run: str) -> list[str]:
        """The events of a run as they are kept and chained, as JSON. Raises: NotFoundError."""
        with self._reading() as db:
            stored = runs.beginning(db, run)
            return journal.texts(db, stored.number, 0, stored.record.last_seq)

    def adopt(self, record: RunRecord, texts: Sequence[str], kept: Set[str]) -> RunRecord:
        """Write down a run that was made elsewhere; of its checkpoints `kept` are here.

        Raises: RefusedError if a run of this id is here, or its journal cannot be; then nothing is
            written.
        """
        with self._writing() as writing:
            if runs.exists(writing.db, record.id):
                raise RefusedError(f"there is a run {record.id} here already; nothing was changed")
            number = _born(writing, record)
            events = [EVENT.decode(text) for text in texts]
            grown = extend(writing, runs.called(writing.db, record.id), events, texts)
            checkpoints.keep_only(writing.db, number, kept)
            grown = structs.replace(grown, started_at=record.started_at, ended_at=record.ended_at)
            runs.amend(writing.db, runs.called(writing.db, record.id), grown)
            return grown


def _born(writing: Transaction, record: RunRecord) -> int:
    """Write the run down as it was before its first event; its number."""
    db = writing.db
    new = RunRecord(
        id=record.id,
        spec=record.spec,
        state="queued",
        created_at=record.created_at,
        experiment=record.experiment,
        tags=record.tags,
        parent=record.parent,
        attempt=record.attempt,
        not_exact=record.not_exact,
    )
    number = runs.add(db, new, folded="queued", best_step=None)
    tags.put(db, number, record.tags)
    experiments.ensure(db, record.experiment, writing.at)
    experiments.put_params(db, number, record.spec.config)
    if record.parent is not None and runs.exists(db, record.parent.run):
        parent = runs.called(db, record.parent.run).number
        lineage.descend(db, number, parent, record.parent.step)
    return number
