"""What a Trainer's process uses, and what it logs: the part of telemetry that is not its pace."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import structs

from azuraforge.schema.events import Telemetry

MOST_LINES = 100  # between two reports; the oldest go
STATM = Path("/proc/self/statm")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Gauges(logging.Handler):
    """Within its block: lines logged by AzuraForge, and the load since the last look."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._looked_at, self._used_s = clock(), time.process_time()
        self._lines: deque[str] = deque(maxlen=MOST_LINES)

    def __enter__(self) -> Self:
        logging.getLogger("azuraforge").addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        logging.getLogger("azuraforge").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line for the next report."""
        self._lines.append(record.getMessage())

    def read(self, telemetry: Telemetry) -> Telemetry:
        """The telemetry with what the gauges say now; a line is told once."""
        now, used = self._clock(), time.process_time()
        elapsed = max(now - self._looked_at, 1e-9)
        share = (used - self._used_s) / elapsed
        self._looked_at, self._used_s = now, used
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        return structs.replace(
            telemetry,
            cpu_percent=round(100 * share, 1),
            memory_bytes=_resident_bytes(),
            gpu_memory_bytes=_gpu_bytes(),
            log=lines,
        )


def _resident_bytes() -> int:
    if not STATM.exists():
        return 0  # not Linux: not told, rather than guessed
    return int(STATM.read_text().split()[1]) * PAGE_BYTES


def _gpu_bytes() -> int:
    cupy = sys.modules.get("cupy")  # only a run on a GPU has loaded it
    return int(cupy.get_default_memory_pool().used_bytes()) if cupy else 0
