"""Threads of kernels: one pool that may be used from several threads, and BLAS's beside it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

import numba

from azuraforge.engine import Tensor
from azuraforge.engine.kernels.elementwise import WORTH_SPLITTING
from azuraforge.engine.ops import OPS
from azuraforge.engine.threads import set_threads, threads

SIZE = 4 * WORTH_SPLITTING + 7


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    before = threads()
    set_threads(2)
    yield
    set_threads(before)


def split() -> np.ndarray:
    """What a kernel gives that splits its work."""
    x = np.linspace(-3, 3, SIZE, dtype=np.float32)
    return OPS["gelu"](Tensor(x)).numpy()


def test_the_pool_is_not_the_one_that_aborts_when_two_use_it():
    split()

    assert numba.threading_layer() in {"omp", "tbb"}


def test_several_threads_may_use_kernels_at_once():
    expected = split()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: split(), range(40)))

    assert all((y == expected).all() for y in found)
