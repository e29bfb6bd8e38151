"""Threads of kernels: every part of a job is done once, whoever comes, and BLAS's beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

from azuraforge.engine import Tensor
from azuraforge.engine.kernels import split
from azuraforge.engine.kernels.elementwise import WORTH_SPLITTING
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.ops import OPS
from azuraforge.engine.threads import set_threads, threads

SIZE = 4 * WORTH_SPLITTING + 7


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    before = threads()
    set_threads(2)
    yield
    set_threads(before)


def gelu() -> np.ndarray:
    """What a kernel gives that splits its work."""
    x = np.linspace(-3, 3, SIZE, dtype=np.float32)
    return OPS["gelu"](Tensor(x)).numpy()


@split.task
def _count(job, number, count):
    at, size = split.unpacked(job, 2)
    parts = split.integers(at, size)
    parts[number] += count


def test_every_part_of_every_job_is_done_once() -> None:
    parts = np.zeros(5, np.int64)
    for jobs in range(1, 20_001):
        count = jobs % 5 + 1
        parts[:] = 0

        split.run(_count, count, address(parts), 5)

        assert parts.tolist() == [count] * count + [0] * (5 - count)


def test_callers_in_several_threads_have_their_jobs_done() -> None:
    def bring(_: int) -> list[int]:
        parts = np.zeros(3, np.int64)
        for _ in range(2_000):
            split.run(_count, 3, address(parts), 3)
        return parts.tolist()

    with ThreadPoolExecutor(4) as callers:
        found = list(callers.map(bring, range(4)))

    assert found == [[6_000] * 3] * 4


def test_several_threads_may_use_kernels_at_once() -> None:
    expected = gelu()

    with ThreadPoolExecutor(4) as callers:
        found = list(callers.map(lambda _: gelu(), range(40)))

    assert all((y == expected).all() for y in found)


FORKS = """
import os
import numpy as np
from azuraforge.engine.kernels import split
from azuraforge.engine.kernels.dots import multiply_few
from azuraforge.engine.threads import set_threads
x, w, b = (np.ones(shape, np.float32) for shape in ((1, 1024), (1024, 1024), (1024,)))
set_threads(2)

def works():
    y = np.zeros((1, 1024), np.float32)
    for _ in range(100):
        multiply_few(x, w, b, y)
    return bool((y == 1025).all())

assert works()
child = os.fork()
if child == 0:
    os._exit(0 if works() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert works()
print("ended")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_a_pool_of_its_own_and_both_end() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS],  # fork beside threads
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr
