from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import azuraforge
from azuraforge.engine import Tensor, threads
from azuraforge.engine.threads import set_threads

WITHOUT_A_COUNT = """
import numpy as np
from threadpoolctl import threadpool_info
from azuraforge.engine import Tensor, nn

def blas():
    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]

before = blas()
nn.Linear(3, 2)(Tensor(np.ones((4, 3), np.float32))).sum().backward()
print(before, blas())
"""


@pytest.fixture
def restored() -> Iterator[None]:
    before = threads.threads()
    yield
    set_threads(before)


@pytest.fixture
def openblas(restored: None) -> None:
    if threads._openblas() is None:
        pytest.skip("this NumPy does not carry OpenBLAS")


def blas_threads() -> int:
    """What NumPy's BLAS says of itself; SciPy has another."""
    (own,) = (
        found
        for found in threadpool_info()
        if found["user_api"] == "blas" and "numpy" in found["filepath"]
    )
    return int(own["num_threads"])


@pytest.mark.usefixtures("openblas")
def test_without_kernels_blas_has_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "find_spec", lambda name: None)

    for count in (1, 2):
        assert set_threads(count) == blas_threads() == threads.threads() == count


@pytest.mark.usefixtures("openblas")
def test_beside_kernels_blas_is_held_to_one_thread() -> None:
    pytest.importorskip("numba")

    for count in (1, 2):
        assert set_threads(count) == blas_threads() == 1
        assert threads.threads() == count


@pytest.mark.usefixtures("openblas")
def test_blas_stays_at_one_thread_all_through_steps_on_two() -> None:
    pytest.importorskip("numba")
    model = azuraforge.nn.Sequential(azuraforge.nn.Linear(64, 64), azuraforge.nn.ReLU())
    optimizer = azuraforge.optim.Adam(model.parameters(), lr=0.1)
    seen = []

    def step(x: Tensor) -> Tensor:
        loss = (model(x) @ Tensor(np.ones((64, 64), np.float32))).mean()
        seen.append(blas_threads())
        loss.backward()
        seen.append(blas_threads())
        optimizer.step()
        seen.append(blas_threads())
        return loss

    set_threads(2)
    captured = azuraforge.capture(step)
    for run in (step, *[captured] * 4):
        run(Tensor(np.ones((128, 64), np.float32)))
        seen.append(blas_threads())

    assert set(seen) == {1}
    assert threads.threads() == 2


@pytest.mark.usefixtures("openblas")
def test_the_first_kernel_holds_blas_where_nobody_set_a_count() -> None:
    pytest.importorskip("numba")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}

    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_COUNT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "[2] [1]\n"


@pytest.mark.usefixtures("restored")
def test_a_product_has_the_same_bits_at_the_same_count() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 200, 200), np.float32)
    set_threads(2)
    first = a @ b

    set_threads(1)
    set_threads(2)

    np.testing.assert_array_equal(a @ b, first)


@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_thread_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="allowed: 1 or more"):
        set_threads(count)


@pytest.mark.usefixtures("restored")
def test_another_blas_answers_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_openblas", lambda: None)

    assert set_threads(2) == 0
