"""The whole sequence against the reference in float64, at sizes that are multiples of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

from azuraforge.engine.ops import recurrent
from azuraforge.engine.threads import set_threads, threads

SIZES = st.tuples(
    st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), st.integers(1, 70)
)  # time, batch, features, hidden


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    before = threads()
    yield
    set_threads(before)


def operands(time: int, batch: int, features: int, hidden: int) -> list[Any]:
    rng = np.random.default_rng(4)
    shapes = [(4 * hidden, features), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,)]
    x = rng.standard_normal((batch, time, features)).swapaxes(0, 1)  # as batch_first gives it
    weights = [0.3 * rng.standard_normal(shape) for shape in shapes]
    states = [rng.standard_normal((batch, hidden)) for _ in range(2)]
    return [a.astype(np.float32) for a in (x, *weights, *states)]


def there_and_back(how: Any, inputs: list[Any]) -> tuple[list[Any], list[Any]]:
    """What the op returns, and the gradients of its inputs where the outputs' are random."""
    op = recurrent.lstm
    outputs = op.run(inputs, (), how)
    rng = np.random.default_rng(5)
    dtype = inputs[0].dtype
    outer = [rng.standard_normal(y.shape).astype(dtype) for y in outputs[:3]]
    kept = how.keep((*inputs, *outputs))
    shapes = [x.shape for x in inputs]
    gradients = how.input_gradients(np, [True] * 7, outer, kept, shapes)
    return list(outputs[:3]), list(gradients)


def assert_close(ours: list[Any], exact: list[Any]) -> None:
    for a, b in zip(ours, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * max(1, np.abs(b).max()))


@settings(max_examples=30)
@given(SIZES, st.integers(1, 3))
def test_it_does_what_the_reference_does_in_float64(sizes, count):
    inputs = operands(*sizes)
    set_threads(count)

    outputs, gradients = there_and_back(recurrent.lstm.kernel, inputs)

    exact = [a.astype(np.float64) for a in inputs]
    exact_outputs, exact_gradients = there_and_back(recurrent.lstm.reference, exact)
    assert_close(outputs, exact_outputs)
    assert_close(gradients, exact_gradients)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_bits_are_the_same_each_time(count):
    inputs = operands(13, 11, 5, 37)
    set_threads(count)

    one, two = (there_and_back(recurrent.lstm.kernel, inputs) for _ in range(2))

    for a, b in zip((*one[0], *one[1]), (*two[0], *two[1]), strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float32_takes_the_kernel_and_float64_the_reference(dtype):
    op, inputs = recurrent.lstm, [a.astype(dtype) for a in operands(3, 2, 4, 5)]

    how = op.implementation(inputs, ())

    assert how is (op.kernel if dtype == np.float32 else op.reference)


def test_nan_shows_in_its_row_and_in_no_other():
    inputs = operands(3, 2, 4, 5)
    inputs[0][1, 0, 2] = np.nan

    y, h_n, c_n = recurrent.lstm(*inputs)

    assert np.isnan(y[1:, 0]).all()
    assert np.isfinite(y[:, 1]).all()
    assert np.isfinite(y[0]).all()
    assert np.isnan(h_n[0]).all()
    assert np.isnan(c_n[0]).all()


def test_gates_far_out_are_0_and_1_and_let_nothing_back():
    inputs = operands(2, 3, 4, 5)
    inputs[0][...] = np.where(inputs[0] > 0, 1e30, -1e30)

    outputs, gradients = there_and_back(recurrent.lstm.kernel, inputs)

    assert all(np.isfinite(a).all() for a in outputs)
    assert np.abs(outputs[0]).max() <= 1
    assert (gradients[0] == 0).all()
