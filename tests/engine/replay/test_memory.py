from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from azuraforge.engine.replay.memory import give_back, keep_freed

FAULTS_OF_A_FREED_BLOCK = """
import resource, sys
import numpy as np
from azuraforge.engine.replay.memory import give_back, keep_freed

kept = keep_freed() if sys.argv[1] == "keep" else False

def step():
    blocks = [np.ones(1 << 18, np.float32) for _ in range(8)]

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> tuple[str, int]:
    command = [sys.executable, "-c", FAULTS_OF_A_FREED_BLOCK, mode]
    kept, count = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return kept, int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_kept_memory_is_not_faulted_in_again() -> None:
    kept, count = faults("keep")

    assert kept == "True"
    assert count < 1000  # 20 steps of 2,048 pages each without it


def test_where_there_is_no_setting_the_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    assert not keep_freed()
    assert not give_back()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_that_is_free_goes_back_to_the_system() -> None:
    script = """
import re
from pathlib import Path
from azuraforge.engine.replay.memory import give_back, keep_freed

def held_kib():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

keep_freed()
blocks = [b"x" * 100_000 for _ in range(1000)]
last = b"x" * 100_000
before = held_kib()
del blocks
print(before - held_kib(), give_back(), before - held_kib())
"""
    command = [sys.executable, "-c", script]
    freed, told, given = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.split()

    assert int(freed) < 1_000  # kept, as it is to be
    assert told == "True"
    assert int(given) > 90_000
