"""Means over parts of images against the reference in float64, at any sizes and layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine.ops.pool import adaptive_avg_pool2d
from azuraforge.engine.tensor import Tensor

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

shapes = st.tuples(
    st.integers(1, 5), st.sampled_from([1, 3, 16, 45]), st.integers(1, 7), st.integers(1, 9)
)
sizes = st.tuples(st.integers(1, 5), st.integers(1, 5))


def channels_last(x: Any) -> Any:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def pooled(x: Any, size: Any, g: Any) -> list[Any]:
    """The result, and the gradient of x."""
    tensor = Tensor(x, requires_grad=True)
    y = adaptive_avg_pool2d(tensor, output_size=size)
    y.backward(Tensor(g))
    assert tensor.grad is not None
    return [y.data, tensor.grad.data]


@given(shapes, sizes, st.booleans(), st.booleans())
def test_all_equals_the_reference(shape: Any, size: Any, turned: bool, turned_g: bool) -> None:
    rng = np.random.default_rng(1)
    x, g = (rng.standard_normal(s).astype(np.float32) for s in (shape, (*shape[:2], *size)))
    exact = pooled(x.astype(np.float64), size, g.astype(np.float64))

    found = pooled(channels_last(x) if turned else x, size, channels_last(g) if turned_g else g)

    for one, other in zip(found, exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_large_images_are_pooled_by_several_threads_to_the_same_bits() -> None:
    x = np.random.default_rng(2).standard_normal((5, 16, 32, 33)).astype(np.float32)
    g = np.ones((5, 16, 2, 2), np.float32)

    one, two = (pooled(x, (2, 2), g) for _ in range(2))

    for found, again, exact in zip(one, two, pooled(x.astype(np.float64), (2, 2), g), strict=True):
        assert (found == again).all()
        np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)


def test_a_gradient_has_its_channels_last_in_memory() -> None:
    x = np.zeros((2, 3, 4, 5), np.float32)
    bound = adaptive_avg_pool2d.bind([x], {"output_size": (1, 1)})
    how = adaptive_avg_pool2d.implementation([x], bound)
    g = np.ones((2, 3, 1, 1), np.float32)

    (gx,) = how.input_gradients(
        np, [True], [g], how.keep((x, g, (1, 1), x.shape, g.shape)), [x.shape]
    )

    assert gx is not None
    assert gx.transpose(0, 2, 3, 1).flags.c_contiguous
