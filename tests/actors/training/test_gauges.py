from __future__ import annotations

import logging

import numpy as np

from azuraforge.actors.training.gauges import Gauges
from azuraforge.schema.events import Telemetry
from tests.conftest import Clock

PACE = Telemetry(step=1, elapsed_s=1.0, samples_per_s=1.0, eta_s=1.0)


def test_a_line_that_is_logged_within_the_block_is_told_once() -> None:
    log = logging.getLogger("azuraforge.somewhere")

    with Gauges() as gauges:
        log.warning("the disk is %s", "full")
        first, second = gauges.read(PACE), gauges.read(PACE)
    log.warning("later")

    assert (first.log, second.log) == (["the disk is full"], [])
    assert gauges.read(PACE).log == []


def test_the_load_is_the_cpu_time_used_since_the_last_look(clock: Clock) -> None:
    gauges = Gauges(clock)
    while gauges.read(PACE).cpu_percent == 0:  # no time has passed on that clock: any use is much
        sum(range(10_000))
    clock.advance(1e9)

    assert gauges.read(PACE).cpu_percent == 0


def test_memory_grows_by_what_is_written_to() -> None:
    gauges = Gauges()
    before = gauges.read(PACE).memory_bytes

    held = np.ones(100_000_000, np.uint8)

    assert 90_000_000 < gauges.read(PACE).memory_bytes - before < 120_000_000
    del held
