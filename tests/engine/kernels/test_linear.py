"""The linear layer against NumPy, at sizes that are no multiple of anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

from azuraforge.engine.kernels import linear
from azuraforge.engine.kernels.panels import CACHE_LINE, PANEL, packed
from azuraforge.engine.threads import set_threads, threads

sizes = st.integers(1, 150)


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def made(rows: int, out: int, inner: int) -> list[np.ndarray]:
    """y, and the gradients of x, w and b."""
    x, w, b, g = (
        numbers(1, rows, inner),
        numbers(2, out, inner),
        numbers(3, out),
        numbers(4, rows, out),
    )
    y, gx, gw, gb = (np.full_like(a, np.nan) for a in (g, x, w, b))
    linear.forward(np, x, w, b, y)
    linear.gradients["x"](np, g, w, gx)
    linear.gradients["w", "b"](np, g, x, gw, gb)
    return [y, gx, gw, gb]


@given(sizes, sizes, sizes)
def test_output_and_gradients_are_numpys(rows, out, inner):
    x, w, b, g = (
        a.astype(np.float64)
        for a in (
            numbers(1, rows, inner),
            numbers(2, out, inner),
            numbers(3, out),
            numbers(4, rows, out),
        )
    )

    found = made(rows, out, inner)

    for one, other in zip(found, (x @ w.T + b, g @ w, g.T @ x, g.sum(0)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_the_number_of_threads_does_not_change_the_bits():
    before = threads()

    set_threads(1)
    one = made(301, 97, 130)
    set_threads(2)
    two = made(301, 97, 130)
    set_threads(before)

    assert all((a == b).all() for a, b in zip(one, two, strict=True))


def test_only_the_gradients_that_are_wanted_are_made():
    g, x, gb = numbers(1, 9, 5), numbers(2, 9, 4), np.full(5, np.nan, np.float32)

    linear.gradients["w", "b"](np, g, x, None, gb)

    np.testing.assert_allclose(gb, g.sum(0), rtol=1e-5, atol=1e-5)


@given(sizes, sizes)
def test_panels_hold_the_weights_turned_from_a_cache_line_on(out, inner):
    w = numbers(1, out, inner)

    panels = packed(w)

    together = panels.transpose(1, 0, 2).reshape(inner, -1)[:, :out]
    np.testing.assert_array_equal(together, w.T)
    assert panels.shape == (-(-out // PANEL), inner, PANEL)
    assert panels.ctypes.data % CACHE_LINE == 0
