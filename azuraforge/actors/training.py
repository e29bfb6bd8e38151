"""A run trained to its end where it stands: the same in a thread and in a Ray actor."""

from __future__ import annotations

import traceback
from typing import Any

from azuraforge.actors.publisher import publish
from azuraforge.actors.trainer import Trainer
from azuraforge.engine.replay.memory import keep_freed
from azuraforge.errors import AzuraForgeError
from azuraforge.schema.records import ENDED
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import BlobStore


class Bug(Exception):  # noqa: N818  (it is told, not caught)
    """An error that is none of ours, as texts: the error itself might not survive pickling."""

    def __init__(self, kind: str, text: str, traceback: str) -> None:
        super().__init__(kind, text, traceback)
        self.kind = kind
        self.text = text
        self.traceback = traceback


def train_here(registry: Any, blobs: BlobStore, run: str, spec: RunSpec) -> None:
    """Run a Trainer to its end in this thread; `registry` answers blocking calls.

    Raises: what kept the run from being written down; Bug.
    """
    try:
        if registry.run(run).state in ENDED:
            return  # stopped while it was queued
        keep_freed()
        trainer = Trainer(spec, blobs=blobs)
        publish(
            trainer,
            lambda first_seq, events: registry.append(run, first_seq, events),
            lambda telemetry: registry.report(run, telemetry),
        )
    except AzuraForgeError:
        raise
    except Exception as error:  # noqa: BLE001  (a plugin may raise anything)
        raise Bug(type(error).__name__, str(error), traceback.format_exc()) from None
