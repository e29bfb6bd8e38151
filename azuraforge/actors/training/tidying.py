"""Checkpoints that newer ones have taken the place of, let go of while runs go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from azuraforge.errors import HomeError
from azuraforge.store.blobs import BlobStore

AGE_S = 300.0  # a blob is put before the event that names it: one as young may yet be named

log = logging.getLogger("azuraforge")


class Tidying:
    """Deletes the blobs of checkpoints that no run keeps; `registry` answers blocking calls."""

    def __init__(
        self, registry: Any, blobs: BlobStore, clock: Callable[[], float] = time.time
    ) -> None:
        self._registry = registry
        self._blobs = blobs
        self._clock = clock
        self._gone: set[str] = set()

    def tidy(self) -> None:
        """Delete those that are old enough; a failure is logged, since no run depends on it."""
        put_before = self._clock() - AGE_S
        try:
            for sha256 in self._registry.superseded():
                if sha256 in self._gone:
                    continue
                self._blobs.delete(sha256, put_before=put_before)
                if sha256 not in self._blobs:
                    self._gone.add(sha256)
        except HomeError as error:
            log.warning("checkpoints that are not kept could not be deleted: %s", error)
