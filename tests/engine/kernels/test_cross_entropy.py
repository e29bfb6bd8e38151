"""Compiled cross-entropy against its formula in float64, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

from azuraforge.engine.nn import functional
from azuraforge.engine.ops.loss import cross_entropy
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError


def batch(rows: int, classes: int, scale: float = 1.0) -> tuple[Any, Any]:
    rng = np.random.default_rng(rows)
    x = scale * rng.standard_normal((rows, classes))
    return x.astype(np.float32), rng.integers(0, classes, rows)


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1.0, 1e3]))
def test_loss_and_gradient_are_those_of_the_formula(rows, classes, scale):
    x, target = batch(rows, classes, scale)
    given_x = Tensor(x, requires_grad=True)

    loss = cross_entropy(given_x, target)
    loss.backward()

    wide = x.astype(np.float64)
    powers = np.exp(wide - wide.max(1, keepdims=True))
    chances = powers / powers.sum(1, keepdims=True)
    at = np.arange(rows), target
    logs = np.log(powers.sum(1)) - (wide - wide.max(1, keepdims=True))[at]
    expected = chances.copy()
    expected[at] -= 1
    np.testing.assert_allclose(loss.item(), logs.mean(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(given_x.grad.data, expected / rows, rtol=1e-4, atol=1e-6)


def test_nan_shows():
    x, target = batch(3, 4)
    x[1, 2] = np.nan

    assert np.isnan(cross_entropy(x, target))


@pytest.mark.parametrize("wrong", [-1, 4])
def test_a_target_that_is_no_class_is_refused_at_a_replay_as_well(wrong):
    x, target = batch(3, 4)
    captured = capture(functional.cross_entropy)
    for _ in range(3):
        captured(Tensor(x), target)
    target[1] = wrong

    for step in (captured, functional.cross_entropy):
        with pytest.raises(ShapeError, match="whole numbers 0 to 3"):
            step(Tensor(x), target)


@pytest.mark.parametrize("factor", [2.0, np.full((), 2.0, np.float32)], ids=["number", "tensor"])
def test_a_loss_times_a_number_has_that_many_times_the_gradient(factor):
    """NumPy makes numbers, not arrays, of arrays without axes: no address to read from."""
    x, target = batch(5, 3)
    plain, scaled = Tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    functional.cross_entropy(plain, target).backward()

    times = factor if isinstance(factor, float) else Tensor(factor)
    (functional.cross_entropy(scaled, target) * times).backward()

    np.testing.assert_allclose(scaled.grad.data, 2 * plain.grad.data, rtol=1e-6)
