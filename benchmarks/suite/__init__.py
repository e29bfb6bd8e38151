"""Every row of the table."""

from __future__ import annotations

from benchmarks.suite import audio, dense, images, language, recurrent
from benchmarks.workload import Workload

ROWS: tuple[Workload, ...] = (
    *dense.ROWS,
    *recurrent.ROWS,
    *images.ROWS,
    *language.ROWS,
    *audio.ROWS,
)
SMALLEST: tuple[Workload, ...] = (  # each family once, as small as it can be
    *dense.SMALLEST,
    *recurrent.SMALLEST,
    *images.SMALLEST,
    *language.SMALLEST,
    *audio.SMALLEST,
)

__all__ = ["ROWS", "SMALLEST"]
