"""LSTM and GRU against their references in float64, at sizes that are multiples of nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

from azuraforge.engine.ops import Op, recurrent
from azuraforge.engine.threads import set_threads, threads

SIZES = st.tuples(
    st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), st.integers(1, 70)
)  # time, batch, features, hidden
OPS = pytest.mark.parametrize("op", [recurrent.lstm, recurrent.gru], ids=lambda op: op.name)


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    before = threads()
    yield
    set_threads(before)


def operands(op: Op, time: int, batch: int, features: int, hidden: int) -> list[Any]:
    rng = np.random.default_rng(4)
    gates, states = (4, 2) if op is recurrent.lstm else (3, 1)
    wide = gates * hidden
    x = rng.standard_normal((batch, time, features)).swapaxes(0, 1)  # as batch_first gives it
    shapes = [(wide, features), (wide, hidden), (wide,), (wide,)]
    weights = [0.3 * rng.standard_normal(shape) for shape in shapes]
    beginnings = [rng.standard_normal((batch, hidden)) for _ in range(states)]
    return [a.astype(np.float32) for a in (x, *weights, *beginnings)]


def there_and_back(op: Op, how: Any, inputs: list[Any]) -> list[Any]:
    """What the op returns, and the gradients of its inputs where the outputs' are random."""
    outputs = op.run(inputs, (), how)
    rng, dtype = np.random.default_rng(5), inputs[0].dtype
    returned = outputs[: op.returned]
    outer = [rng.standard_normal(y.shape).astype(dtype) for y in returned]
    kept, shapes = how.keep((*inputs, *outputs)), [x.shape for x in inputs]
    return [*returned, *how.input_gradients(np, [True] * len(inputs), outer, kept, shapes)]


@OPS
@settings(max_examples=30)
@given(SIZES, st.integers(1, 3))
def test_it_does_what_the_reference_does_in_float64(op, sizes, count):
    inputs = operands(op, *sizes)
    set_threads(count)

    found = there_and_back(op, op.kernel, inputs)

    exact = there_and_back(op, op.reference, [a.astype(np.float64) for a in inputs])
    for a, b in zip(found, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * max(1, np.abs(b).max()))


@OPS
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_bits_are_the_same_each_time(op, count):
    inputs = operands(op, 13, 11, 5, 37)
    set_threads(count)

    one, two = (there_and_back(op, op.kernel, inputs) for _ in range(2))

    for a, b in zip(one, two, strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("hidden", [137, 256])
def test_threads_share_the_units_of_a_small_batch_and_change_no_bits(batch, hidden):
    inputs = operands(recurrent.lstm, 23, batch, 5, hidden)
    made = []

    for count in (1, 2, 3, 4):
        set_threads(count)
        made.append([y.tobytes() for y in recurrent.lstm(*inputs)])

    assert all(each == made[0] for each in made)


def test_threads_that_do_not_meet_leave_all_of_it_to_one():
    inputs = operands(recurrent.lstm, 5, 1, 5, 256)
    set_threads(1)
    expected = [y.tobytes() for y in recurrent.lstm(*inputs)]
    set_threads(2)

    import numba  # here: it may be missing, and then these tests are skipped

    before = numba.get_num_threads()
    numba.set_num_threads(1)  # the tasks are run one after the other
    found = [y.tobytes() for y in recurrent.lstm(*inputs)]
    numba.set_num_threads(before)

    assert found == expected


GIVES_MEMORY_BACK = {  # where the C library is glibc: at once, and overwritten
    "MALLOC_MMAP_THRESHOLD_": "4096",
    "MALLOC_PERTURB_": "85",
}
ONE_STEP = """
import azuraforge as az
x = az.tensor([[[0.5] * 20] * 30] * 40, requires_grad=True)
y, *_ = az.nn.{}(20, 30)(x)
y.sum().backward()
"""


@pytest.mark.parametrize("layer", ["LSTM", "GRU"])
def test_no_memory_is_used_that_was_given_back(layer):
    environment = {**os.environ, **GIVES_MEMORY_BACK}

    command = [sys.executable, "-c", ONE_STEP.format(layer)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()


@OPS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float32_takes_the_kernel_and_float64_the_reference(op, dtype):
    inputs = [a.astype(dtype) for a in operands(op, 3, 2, 4, 5)]

    how = op.implementation(inputs, ())

    assert how is (op.kernel if dtype == np.float32 else op.reference)


@OPS
def test_nan_shows_in_its_row_and_in_no_other(op):
    inputs = operands(op, 3, 2, 4, 5)
    inputs[0][1, 0, 2] = np.nan

    y, *ends = op(*inputs)

    assert np.isnan(y[1:, 0]).all()
    assert np.isfinite(y[:, 1]).all()
    assert np.isfinite(y[0]).all()
    assert all(np.isnan(end[0]).all() for end in ends)


@OPS
def test_gates_far_out_are_0_and_1_and_let_nothing_back(op):
    inputs = operands(op, 2, 3, 4, 5)
    inputs[0][...] = np.where(inputs[0] > 0, 1e30, -1e30)

    y, *rest = there_and_back(op, op.kernel, inputs)

    gx = rest[op.returned - 1]
    assert np.isfinite(y).all()
    assert (gx == 0).all()
