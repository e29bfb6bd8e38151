"""Attention's tiles against its formula in float64, at sizes that are no multiple of a tile's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

from azuraforge.engine import Tensor
from azuraforge.engine.kernels.attention import heads_last
from azuraforge.engine.ops.attention import scaled_dot_product_attention as attention
from azuraforge.engine.threads import set_threads, threads

Arrays = list[np.ndarray[Any, Any]]
times, widths = st.integers(1, 150), st.integers(1, 40)


def numbers(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32)


def results(arrays: Arrays, g: np.ndarray[Any, Any], **how: Any) -> Arrays:
    """What attention gives, and the gradients of its operands."""
    tensors = [Tensor(x, requires_grad=True) for x in arrays]
    y = attention(*tensors, **how)
    y.backward(Tensor(g.astype(y.dtype)))
    return [y.data, *(x.grad.data for x in tensors)]


@settings(max_examples=40)
@given(times, times, widths, widths, st.booleans())
def test_tiles_give_what_the_formula_gives(time, keys, width, outputs, is_causal):
    q, k, v = numbers(2, time, width), numbers(2, keys, width), numbers(2, keys, outputs)
    g = numbers(2, time, outputs)
    assert attention.implementation((q, k, v), (is_causal, None)) is attention.kernel

    found = results([q, k, v], g, is_causal=is_causal)

    exact = results([x.astype(np.float64) for x in (q, k, v)], g, is_causal=is_causal)
    for one, other in zip(found, exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * time**0.5)


@pytest.mark.parametrize("factor", [1e-3, 30.0, 1e4])
def test_a_larger_score_in_a_later_tile_corrects_what_was_summed(factor):
    q, v = np.full((1, 1), factor, np.float32), numbers(200, 3)
    k = np.linspace(-1, 1, 200, dtype=np.float32)[:, None]

    y = attention(q, k, v)

    p = np.exp(factor * (k.astype(np.float64) - 1))
    np.testing.assert_allclose(y, p.T @ v / p.sum(), rtol=1e-3, atol=1e-5)


def test_heads_are_read_and_left_as_the_layers_around_have_them():
    packed = Tensor(numbers(2, 50, 3, 4, 8))
    q, k, v = (packed[:, :, i].transpose(1, 2) for i in range(3))

    y = attention(q, k, v, is_causal=True)

    apart = attention(*(np.ascontiguousarray(x.data) for x in (q, k, v)), is_causal=True)
    assert (y.data == apart).all()
    assert y.data.swapaxes(1, 2).flags.c_contiguous


@pytest.mark.parametrize("shape", [(5, 3), (2, 5, 3), (2, 4, 5, 3)])
def test_heads_last_in_memory_is_still_the_shape_asked_for(shape):
    assert heads_last(np, (), shape, np.float32).shape == shape


def test_more_axes_than_two_before_time_take_the_reference():
    q = numbers(2, 2, 2, 3, 4)

    assert attention.implementation((q, q, q), (True, None)) is attention.reference


def test_nan_shows_in_queries_that_see_it_and_in_no_others():
    q, k, v = numbers(70, 4), numbers(70, 4), numbers(70, 4)
    k[66, 1] = np.nan

    y = attention(q, k, v, is_causal=True)

    assert np.isfinite(y[:66]).all()
    assert np.isnan(y[66:]).all()


def test_the_number_of_threads_does_not_change_the_bits():
    before = threads()
    arrays, g = [numbers(3, 90, 16), numbers(3, 90, 16), numbers(3, 90, 20)], numbers(3, 90, 20)

    set_threads(1)
    one = results(arrays, g, is_causal=True)
    set_threads(2)
    two = results(arrays, g, is_causal=True)
    set_threads(before)

    assert all((a == b).all() for a, b in zip(one, two, strict=True))
