"""Grouped and transposed convolutions against the reference in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azuraforge.engine.nn import functional
from azuraforge.engine.ops.convolution import convolution, convolution_input
from azuraforge.engine.tensor import Tensor

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))


def all_of(op: Any, arrays: list[Any], attributes: dict[str, Any]) -> list[Any]:
    """The result, and the gradients of both operands for some gradient of it."""
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    y = op(*tensors, **attributes)
    g = np.random.default_rng(8).standard_normal(y.shape)
    y.backward(Tensor(g.astype(arrays[0].dtype)))
    return [y.data, *(x.grad.data for x in tensors if x.grad is not None)]


def assert_as_exact(op: Any, shapes: list[tuple[int, ...]], attributes: dict[str, Any]) -> None:
    rng = np.random.default_rng(7)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    found = all_of(op, [a.astype(np.float32) for a in arrays], attributes)
    exact = all_of(op, arrays, attributes)
    assert len(found) == 3
    for one, other in zip(found, exact, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * max(1, abs(other).max()))


@settings(max_examples=60)
@given(
    st.integers(1, 3), st.sampled_from([1, 2, 4]), st.sampled_from([1, 4, 5]),
    st.sampled_from([1, 4, 17]), pairs, pairs, pairs, pairs, sizes,
)  # fmt: skip
def test_all_equals_the_reference(
    batch: int, groups: int, channels: int, out: int, kernel: Any, stride: Any, padding: Any,
    dilation: Any, beyond: Any,
) -> None:  # fmt: skip
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(max(1, n - 2 * p) + b for n, p, b in zip(extent, padding, beyond, strict=True))
    places = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    weight = (groups * out, channels, *kernel)
    x, y = (batch, groups * channels, *size), convolution.shape.function
    made = y(x, weight, **places)

    assert_as_exact(convolution, [x, weight], places)
    assert_as_exact(convolution_input, [made, weight], {**places, "size": size})


def test_more_output_than_needed_holds_zeros_in_float32_too() -> None:
    x, w = (np.ones(shape, np.float32) for shape in ((1, 4, 3, 3), (4, 4, 2, 2)))

    y = functional.conv_transpose2d(Tensor(x), Tensor(w), stride=3, output_padding=2).data

    assert y.shape == (1, 4, 10, 10)
    assert not y[:, :, 8:].any()
    assert (y[:, :, :2, :2] == 4).all()
