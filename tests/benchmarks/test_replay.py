"""Every family captured again and again, in memory that holds anything: never a bit that differs.

glibc fills what it gives out, and what it gets back, with a byte: who reads memory before it is
filled, or after it was let go of, sees other numbers than before. The arena of a recording is
filled with NaN before its proof. With two threads, whoever meets another's numbers differs, too.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from benchmarks.suite import SMALLEST

SCRIPT = """
import azuraforge
from benchmarks import library
from benchmarks.suite import SMALLEST
from benchmarks.suite.language import gpt
from benchmarks.suite.recurrent import forecaster
from benchmarks.workload import Side

ours = library.ours()
rows = (
    *SMALLEST,
    forecaster("LSTM", 50, batch=7, time=9, goal=1.0),
    forecaster("GRU", 20, batch=5, time=9, goal=1.0),
    gpt(2, 4, 64, context=32, vocabulary=33, batch=12, goal=1.0),
)
for _ in range(3):
    for threads in (1, 2):
        ours.set_threads(threads)
        for row in rows:
            side = Side(ours, row)
            step = azuraforge.capture(side.train_step)
            losses = [step(*batch).item() for batch in side.batches[:5]]
            assert step.is_replayed, (row.text, threads, step.reason)
            print(row.text, threads, losses)
"""


def losses(byte: int) -> str:
    """What the script prints with this byte in all memory."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env=os.environ | {"MALLOC_PERTURB_": str(byte)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc fills memory")
def test_a_captured_step_reads_no_memory_that_holds_nothing():
    one, other = losses(90), losses(165)

    assert one == other
    assert "nan" not in one
    assert len(one.splitlines()) == 3 * 2 * (len(SMALLEST) + 3)
