"""Batch normalisation against the reference in float64, at sizes no multiple of anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine.ops.norm import batch_norm
from azuraforge.engine.tensor import Tensor

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

from azuraforge.engine.threads import set_threads, threads

shapes = st.tuples(
    st.integers(2, 7), st.sampled_from([1, 3, 16, 45, 600]), st.integers(1, 6), st.integers(1, 9)
)


def channels_last(x: Any) -> Any:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def operands(shape: Any, shift: float = 0.5) -> list[Any]:
    rng = np.random.default_rng(3)
    given = rng.standard_normal(shape) + shift, rng.random(shape[1]), rng.standard_normal(shape[1])
    return [a.astype(np.float32) for a in given]


def normalised(arrays: list[Any], g: Any) -> list[Any]:
    """All results, and the gradients where g arrives, and those of mean and variance are 1."""
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    y, mean, var = batch_norm(*tensors)
    ((y * Tensor(g)).sum() + mean.sum() + var.sum()).backward()
    return [y.data, mean.data, var.data, *(x.grad.data for x in tensors if x.grad is not None)]


@given(shapes, st.booleans())
def test_all_equals_the_reference(shape: Any, turned_g: bool) -> None:
    arrays = operands(shape)
    g = np.random.default_rng(4).standard_normal(shape).astype(np.float32)
    exact = normalised([a.astype(np.float64) for a in arrays], g.astype(np.float64))
    arrays[0] = channels_last(arrays[0])
    assert batch_norm.implementation(arrays, (1e-5,)) is batch_norm.kernel

    found = normalised(arrays, channels_last(g) if turned_g else g)

    for one, other in zip(found, exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * max(1, abs(other).max()))


def test_rows_of_features_take_the_kernel_and_images_in_the_usual_order_do_not() -> None:
    x, w, b = operands((2, 3, 4, 5))

    assert batch_norm.implementation([x, w, b], (1e-5,)) is batch_norm.reference
    assert batch_norm.implementation([x[:, :, 0, 0].copy(), w, b], (1e-5,)) is batch_norm.kernel


def test_a_mean_far_from_zero_costs_no_digits_of_the_variance() -> None:
    x, w, b = operands((32, 16, 32, 32), shift=1000)

    _, mean, var = batch_norm(channels_last(x), w, b)

    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(var, exact.var((0, 2, 3)), rtol=1e-5)


def test_images_of_different_brightness_have_the_variance_of_them_all() -> None:
    x, w, b = operands((33, 16, 31, 32))
    x += 10 * np.arange(33, dtype=np.float32).reshape(-1, 1, 1, 1)

    _, mean, var = batch_norm(channels_last(x), w, b)

    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(var, exact.var((0, 2, 3)), rtol=1e-5)


def test_a_thread_count_gives_the_same_bits_again() -> None:
    arrays = operands((5, 16, 6, 7))
    arrays[0] = channels_last(arrays[0])
    before = threads()

    for count in (1, 2, 3):
        set_threads(count)
        one, two = (normalised(arrays, arrays[0]) for _ in range(2))
        set_threads(before)

        assert all((a == b).all() for a, b in zip(one, two, strict=True))
