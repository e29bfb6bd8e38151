"""Convolutions against the reference in float64, at sizes that are no multiple of anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azuraforge.engine.ops.conv import conv2d
from azuraforge.engine.tensor import Tensor

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

from azuraforge.engine.threads import set_threads, threads

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.tuples(st.integers(0, 4), st.integers(0, 4))
excesses = st.tuples(st.integers(0, 9), st.integers(0, 9))


@dataclass(frozen=True)
class Case:
    batch: int
    channels: int
    out: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    beyond: tuple[int, int]  # how far the image is larger than the kernel

    @property
    def places(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    def operands(self) -> list[Any]:
        rng = np.random.default_rng(5)
        spread = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        size = [
            max(1, s - 2 * p) + b for s, p, b in zip(spread, self.padding, self.beyond, strict=True)
        ]
        shapes = [(self.batch, self.channels, *size)]
        shapes += [(self.out, self.channels, *self.kernel), (self.out,)]
        return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


cases = st.builds(
    Case,
    st.integers(1, 5),
    st.sampled_from([1, 2, 3, 16, 19]),
    st.sampled_from([1, 5, 16, 17, 32, 45, 64, 70]),
    pairs,
    pairs,
    paddings,
    pairs,
    excesses,
)


def channels_last(x: Any) -> Any:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def convolved(arrays: list[Any], places: dict[str, Any], g: Any = None) -> list[Any]:
    """The result and the gradients of all operands for `g`, ones where it is not given."""
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    y = conv2d(*tensors, **places)
    y.backward(Tensor(np.ones_like(y.data) if g is None else g))
    return [y.data, *(x.grad.data for x in tensors if x.grad is not None)]


def assert_close(found: list[Any], exact: list[Any]) -> None:
    for one, other in zip(found, exact, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * max(1, abs(other).max()))


@given(cases, st.booleans(), st.booleans())
def test_all_equals_the_reference(case: Case, turned: bool, turned_g: bool) -> None:
    arrays = case.operands()
    y_shape = conv2d(*arrays, **case.places).shape
    g = np.random.default_rng(6).standard_normal(y_shape).astype(np.float32)
    exact = convolved([a.astype(np.float64) for a in arrays], case.places, g.astype(np.float64))
    if turned:
        arrays[0] = channels_last(arrays[0])

    found = convolved(arrays, case.places, channels_last(g) if turned_g else g)

    assert_close(found, exact)


def test_a_result_has_its_channels_last_in_memory_and_keeps_them_through_elementwise_ops() -> None:
    arrays = Case(2, 3, 5, (3, 3), (1, 1), (1, 1), (1, 1), (4, 4)).operands()

    y = conv2d(*map(Tensor, arrays), padding=(1, 1))

    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous
    assert (y.relu() + 1).data.strides == y.data.strides


PARTS = [np.s_[..., 1:], np.s_[:, :, 1:-1], np.s_[1:], np.s_[:, 2:], np.s_[..., ::2, ::-1]]


@pytest.mark.parametrize("place", PARTS, ids=str)
def test_parts_of_larger_images_are_convolved_where_they_are(place: Any) -> None:
    whole = channels_last(np.random.default_rng(1).standard_normal((3, 6, 7, 8)).astype(np.float32))
    x = whole[place]
    w = np.random.default_rng(2).standard_normal((4, x.shape[1], 2, 3)).astype(np.float32)
    b = np.zeros(4, np.float32)

    found = convolved([x, w, b], {})

    assert_close(found, convolved([a.astype(np.float64) for a in (x, w, b)], {}))


def test_a_long_dilated_series_equals_the_reference() -> None:
    rng = np.random.default_rng(3)
    shapes = [(2, 16, 1, 300), (24, 16, 1, 2), (24,)]
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    places = {"padding": (0, 256), "dilation": (1, 256)}

    found = convolved(arrays, places)

    assert_close(found, convolved([a.astype(np.float64) for a in arrays], places))


def test_given_memory_of_any_order_is_filled() -> None:
    arrays = Case(2, 3, 5, (3, 3), (1, 1), (0, 0), (1, 1), (4, 4)).operands()
    y = conv2d(*arrays)
    rows_last = np.full(y.shape, np.nan, np.float32)

    bound = conv2d.bind(arrays, {})
    conv2d.run(arrays, bound, conv2d.implementation(arrays, bound), [rows_last])

    np.testing.assert_array_equal(rows_last, y)


@given(
    st.integers(1, 3), st.sampled_from([32, 45, 64, 70]), st.sampled_from([32, 37, 64, 67]),
    paddings, excesses, st.booleans(),
)  # fmt: skip
@settings(max_examples=30)
def test_many_channels_and_a_kernel_of_3_by_3_equal_the_reference(
    batch: int, channels: int, out: int, padding: Any, beyond: Any, turned: bool
) -> None:
    case = Case(batch, channels, out, (3, 3), (1, 1), padding, (1, 1), beyond)
    arrays = case.operands()
    exact = convolved([a.astype(np.float64) for a in arrays], case.places)
    if turned:
        arrays[0] = channels_last(arrays[0])

    assert_close(convolved(arrays, case.places), exact)


def test_tiles_of_several_threads_make_one_result() -> None:
    arrays = Case(3, 32, 33, (3, 3), (1, 1), (1, 1), (1, 1), (12, 13)).operands()
    exact = convolved([a.astype(np.float64) for a in arrays], {"padding": (1, 1)})
    before = threads()

    for count in (1, 2, 5):
        set_threads(count)
        found, again = (convolved(arrays, {"padding": (1, 1)}) for _ in range(2))
        set_threads(before)

        assert_close(found, exact)
        assert all((one == other).all() for one, other in zip(found, again, strict=True))


def test_nan_shows_where_the_kernel_meets_it_and_nowhere_else() -> None:
    x, w, b = Case(2, 3, 5, (3, 3), (1, 1), (0, 0), (1, 1), (5, 5)).operands()
    x[1, 2, 0, 0] = np.nan

    y = conv2d(x, w, b)

    assert np.isnan(y[1, :, 0, 0]).all()
    assert np.isnan(y).sum() == y.shape[1]


def test_whole_numbers_that_float32_holds_come_out_to_the_last_digit_at_any_thread_count() -> None:
    rng = np.random.default_rng(4)
    shapes = [(5, 3, 9, 10), (17, 3, 3, 3), (17,)]
    arrays = [rng.integers(-4, 5, shape).astype(np.float32) for shape in shapes]
    exact = convolved([a.astype(np.float64) for a in arrays], {"padding": (1, 1)})
    before = threads()

    for count in (1, 2, 3):
        set_threads(count)
        found = convolved(arrays, {"padding": (1, 1)})
        set_threads(before)

        assert all((one == other).all() for one, other in zip(found, exact, strict=True))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("operand", [0, 1, 2])
def test_what_is_not_finite_shows_as_in_the_sum_itself(bad: float, operand: int) -> None:
    arrays = Case(2, 37, 35, (3, 3), (1, 1), (1, 1), (1, 1), (9, 9)).operands()
    y_shape = conv2d(*arrays, padding=(1, 1)).shape
    g = np.random.default_rng(7).standard_normal(y_shape).astype(np.float32)
    where = arrays[operand] if operand < 2 else g
    where[1, 2, 1, 1] = bad
    with np.errstate(all="ignore"):
        exact = convolved([a.astype(np.float64) for a in arrays], {"padding": (1, 1)}, g)
        exact = [a.astype(np.float32) for a in exact]

    found = convolved(arrays, {"padding": (1, 1)}, g)

    for one, other in zip(found, exact, strict=True):
        assert np.isfinite(other).mean() > 0.4
        near = np.isfinite(other) & (abs(other) < 1e30)
        np.testing.assert_array_equal(one[~np.isfinite(other)], other[~np.isfinite(other)])
        np.testing.assert_allclose(one[near], other[near], rtol=1e-4, atol=1e-3)


def test_threads_share_the_pixels_of_one_image_and_change_no_bits() -> None:
    arrays = Case(1, 3, 20, (3, 2), (2, 1), (1, 1), (1, 1), (9, 8)).operands()
    before, made = threads(), []
    for count in (1, 2, 3):
        set_threads(count)
        made.append(conv2d(*arrays, padding=(1, 1), stride=(2, 1)).tobytes())
    set_threads(before)

    assert made[0] == made[1] == made[2]
