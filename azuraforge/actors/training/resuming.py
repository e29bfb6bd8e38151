"""Where a run goes on: which checkpoint, and whether code, data and machine are as they were."""

from __future__ import annotations

import logging

from azuraforge.actors.training.checkpoint import Checkpoint, load
from azuraforge.errors import DataError, NotFoundError, RefusedError
from azuraforge.schema.events import RunStarted
from azuraforge.schema.provenance import Provenance, differences
from azuraforge.schema.records import Attempt
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import BlobStore

log = logging.getLogger("azuraforge")


def newest(attempt: Attempt | None, blobs: BlobStore, spec: RunSpec) -> Checkpoint | None:
    """The newest checkpoint that can be read; those that cannot are said aloud."""
    for kept in attempt.checkpoints if attempt else ():
        try:
            return load(blobs, kept.sha256, spec)
        except (DataError, NotFoundError) as error:
            log.warning(
                "the checkpoint of step %d is lost (%s); an earlier one it is", kept.step, error
            )
    return None


def accepted(attempt: Attempt | None, then: Provenance | None, here: Provenance) -> list[str]:
    """What differs from what the run was made with; none of it by default.

    Raises: RefusedError naming what differs, unless the attempt accepts it.
    """
    found = differences(then, here) if then else []
    if found and not (attempt and attempt.accepts_differences):
        raise RefusedError(
            f"the run cannot go on exactly: {'; '.join(found)}; go on where all is as it was, or "
            "accept that the run is marked as not exact (--accept-differences)"
        )
    return found


def first_provenance(attempt: Attempt | None) -> Provenance | None:
    """What the run was made with, as its journal begins."""
    first = attempt.journal[0].event if attempt and attempt.journal else None
    return first.provenance if isinstance(first, RunStarted) else None
