"""The training loop."""

from azuraforge.engine.train.happenings import (
    EarlyStop,
    Epoch,
    Happening,
    LayerStatistics,
    Metrics,
    Step,
    Validation,
)
from azuraforge.engine.train.loop import Loop
from azuraforge.engine.train.schedule import Schedule

__all__ = [
    "EarlyStop",
    "Epoch",
    "Happening",
    "LayerStatistics",
    "Loop",
    "Metrics",
    "Schedule",
    "Step",
    "Validation",
]
