"""Pooling against the reference, at sizes that are no multiple of anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine.ops.pool import max_pool2d
from azuraforge.engine.tensor import Tensor

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

small = st.integers(1, 3)
pairs = st.tuples(small, small)


def channels_last(x: Any) -> Any:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def pooled(x: Any, g: Any, windows: dict[str, Any]) -> list[Any]:
    operand = Tensor(x, requires_grad=True)
    y = max_pool2d(operand, **windows)
    y.backward(Tensor(g))
    assert operand.grad is not None
    return [y.data, operand.grad.data]


@given(
    st.tuples(small, st.integers(1, 40), st.integers(3, 9), st.integers(3, 9)),
    pairs, pairs, pairs, st.booleans(), st.booleans(), st.integers(0, 99),
)  # fmt: skip
def test_all_equals_the_reference_ties_and_nan_included(
    shape: Any, kernel_size: Any, stride: Any, padding: Any, turned: bool, turned_g: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel_size, strict=True))
    windows = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    x = rng.integers(-2, 3, shape).astype(np.float32)
    x[rng.random(shape) < 0.02] = np.nan
    g = rng.integers(-9, 9, max_pool2d(x, **windows).shape).astype(np.float32)
    expected = pooled(x.astype(np.float64), g.astype(np.float64), windows)

    found = pooled(channels_last(x) if turned else x, channels_last(g) if turned_g else g, windows)

    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_given_memory_of_any_order_is_filled() -> None:
    x = np.random.default_rng(1).standard_normal((2, 3, 6, 4)).astype(np.float32)
    windows = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    y = max_pool2d(x, **windows)
    rows_last = np.full(y.shape, np.nan, np.float32)

    bound = max_pool2d.bind([x], windows)
    max_pool2d.run([x], bound, max_pool2d.implementation([x], bound), [rows_last])

    np.testing.assert_array_equal(rows_last, y)
