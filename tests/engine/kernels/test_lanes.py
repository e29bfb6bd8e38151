"""Formulas over arrays against NumPy, whatever the count, and nothing beside them touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

import numba

from azuraforge.engine.kernels.lanes import Value, fma, over_arrays, over_rows, together, where
from azuraforge.engine.kernels.memory import address


def sum_and_larger(x: Value, y: Value) -> Sequence[Value]:
    return fma(x, 2, y), where(x > y, x, y)


def less_and_less(x: Value) -> Sequence[Value]:
    down = lambda a: 1 - a
    return (*together(down, x, x * x), down(x), down(x * x))


both = over_arrays(sum_and_larger, outputs=2)
four = over_arrays(less_and_less, outputs=4)


@numba.njit("void(i8, i8, i8, i8, i8)")
def call_both(count, x, y, to_x, to_y):
    both(count, x, y, to_x, to_y)


@numba.njit("void(i8, i8, i8, i8, i8, i8)")
def call_four(count, x, a, b, c, d):
    four(count, x, a, b, c, d)


def largest_so_far(x: Value, y: Value, line_top: Value, line_scale: Value) -> Sequence[Any]:
    top = where(x > line_top, x, line_top)
    return None, top * line_scale, top


columns = 48  # more than go side by side
down = over_rows(largest_so_far, columns, carried=1)


@numba.njit("void(i8, i8, i8, i8, i8)")
def call_down(rows, x, y, top, scale):
    down(rows, x, y, top, scale)


def numbers(count: int, seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


@given(st.integers(0, 150))
def test_outputs_are_the_formula_of_inputs_and_end_with_them(count):
    x, y = numbers(count, 1), numbers(count, 2)
    first, second = np.full((2, count + 2), 7, np.float32)

    call_both(count, address(x), address(y), address(first) + 4, address(second) + 4)

    np.testing.assert_allclose(first[1:-1], 2 * x + y, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(second[1:-1], np.maximum(x, y))
    assert (first[[0, -1]] == 7).all()
    assert (second[[0, -1]] == 7).all()


def test_an_output_may_be_an_input():
    x, y = numbers(45, 1), numbers(45, 2)
    expected = np.maximum(x, y)

    call_both(45, address(x), address(y), address(x), address(y))

    np.testing.assert_array_equal(y, expected)


def test_together_is_each():
    x, made = numbers(45, 1), np.empty((4, 45), np.float32)

    call_four(45, address(x), *map(address, made))

    np.testing.assert_array_equal(made[:2], made[2:])


@given(st.integers(0, 9))
def test_rows_are_passed_one_after_the_other_and_lines_carry_what_was_seen(rows):
    x, scale = numbers(rows * columns, 1).reshape(rows, columns), numbers(columns, 2)
    y, top = np.full((rows + 1, columns), 7, np.float32), np.full(columns, -0.5, np.float32)
    before = x.copy()

    call_down(rows, *map(address, (x, y, top, scale)))

    seen = np.maximum.accumulate(np.vstack([np.full((1, columns), -0.5, np.float32), x]))
    np.testing.assert_array_equal(y[:-1], seen[1:] * scale)
    np.testing.assert_array_equal(top, seen[-1])
    np.testing.assert_array_equal(x, before)
    assert (y[-1] == 7).all()
