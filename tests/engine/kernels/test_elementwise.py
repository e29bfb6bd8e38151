"""Compiled formulas against the reference, at any size and order of the axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

from azuraforge.engine.kernels import elementwise
from azuraforge.engine.ops import OPS, Op
from azuraforge.engine.ops.formula import Formula
from azuraforge.engine.threads import set_threads, threads

COMPILED = [op for op in OPS.values() if op.kernel_name == "elementwise"]
every_formula = pytest.mark.parametrize("op", COMPILED, ids=lambda op: op.name)
ORDERS = {"rows last": (0, 1, 2, 3), "channels last": (0, 2, 3, 1), "any": (3, 1, 0, 2)}


def numbers(shape: tuple[int, ...], order: str = "rows last", seed: int = 0) -> np.ndarray:
    """Positive numbers, for log and sqrt, whose axes lie in memory in that order."""
    axes = ORDERS[order]
    lies = np.random.default_rng(seed).uniform(0.1, 3, [shape[i] for i in axes])
    return lies.astype(np.float32).transpose(np.argsort(axes))


def both(op: Op, inputs: list[Any], g: Any) -> list[tuple[Any, Any]]:
    """What the kernel and the reference give: the result, then the gradients."""
    assert op.implementation(inputs, ()) is op.kernel
    made = []
    for how in (op.kernel, op.reference):
        (y,) = op.run(inputs, (), how)
        shapes = [x.shape for x in inputs]
        kept = how.keep((*inputs, y, *shapes, y.shape))
        made.append([y, *how.input_gradients(np, [True] * len(inputs), [g], kept, shapes)])
    return list(zip(*made, strict=True))


@every_formula
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 4),
    order=st.sampled_from(list(ORDERS)),
    g_order=st.sampled_from(list(ORDERS)),
)
def test_result_and_gradients_are_those_of_the_reference(op, shape, order, g_order):
    inputs = [numbers(shape, order, seed) for seed, _ in enumerate(op.signature.inputs)]

    for found, expected in both(op, inputs, numbers(shape, g_order, 9)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@every_formula
def test_nan_shows(op):
    inputs = [np.full(20, np.nan, np.float32) for _ in op.signature.inputs]

    (found, _), *_ = both(op, inputs, np.ones(20, np.float32))

    assert np.isnan(found).all()


def test_a_result_lies_as_its_operand_does():
    x = numbers((2, 3, 4, 5), "channels last")

    y = OPS["gelu"](x)

    assert y.strides == x.strides


@pytest.mark.parametrize(
    "inputs",
    [
        (np.ones((3, 4), np.float32), np.ones(4, np.float32)),
        (np.ones(4, np.float32), 2.0),
        (2.0, np.ones(4, np.float32)),
        (np.ones((8, 8), np.float32)[:, ::2],) * 2,
        (np.broadcast_to(np.float32(1), (4, 4)),) * 2,
        (np.ones(4), np.ones(4)),
        (np.ones((3, 3), np.float32), np.ones((3, 3), np.float32).T),
    ],
)
def test_broadcasts_gaps_and_other_types_are_left_to_the_reference(inputs):
    assert OPS["mul"].implementation(inputs, ()) is OPS["mul"].reference


def test_a_batch_of_one_cut_out_of_longer_rows_has_no_gaps():
    whole = numbers((1, 4, 1, 9), "channels last")
    part = whole[:, :, :, :7]

    assert elementwise._are_alike((part, numbers((1, 4, 1, 7), "channels last")))
    assert not elementwise._are_alike((whole[:, :, :, ::2], whole[:, :, :, ::2]))
    for found, expected in both(OPS["tanh"], [part], numbers((1, 4, 1, 7))):
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_parts_of_a_longer_series_are_computed_row_by_row():
    whole = numbers((3, 20, 1, elementwise.LONG // 16 + 9), "channels last")
    x = whole[..., : elementwise.LONG // 16]

    (y, expected), (gx, expected_gx) = both(OPS["tanh"], [x], numbers(x.shape, seed=9))

    np.testing.assert_allclose(y, expected, rtol=1e-6)
    np.testing.assert_allclose(gx, expected_gx, rtol=1e-4, atol=1e-6)
    assert elementwise._is_dense(y.shape, y.strides)


def test_the_number_of_threads_does_not_change_the_bits():
    before = threads()
    x = numbers((1, 1, 3, elementwise.WORTH_SPLITTING // 2 + 7))

    set_threads(1)
    one = OPS["gelu"](x)
    set_threads(2)
    two = OPS["gelu"](x)
    set_threads(before)

    assert (one == two).all()


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    blocked = tmp_path / "a file"
    blocked.touch()
    monkeypatch.setattr(elementwise, "cache_folder", lambda: Path(blocked) / "kernels")
    monkeypatch.setattr("azuraforge.engine.kernels.disk.cache_folder", lambda: blocked / "k")
    elementwise._compiled.cache_clear()
    x, y = numbers((1, 1, 3, 7)), np.empty((1, 1, 3, 7), np.float32)

    elementwise.Kernel(Formula.parse("x * x + 1", ("x",)), {}).forward(np, y, x)

    np.testing.assert_allclose(y, x * x + 1, rtol=1e-6)
