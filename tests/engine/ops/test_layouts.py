"""Every op over arrays of any strides and of no elements; its operands are as they were."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from azuraforge.engine.ops import OPS, Op
from azuraforge.errors import AzuraForgeError

ELEMENTWISE = [op for op in OPS.values() if op.formulas is not None]
OTHERS = [op for op in OPS.values() if op.formulas is None]
LAYOUTS = ("rows", "columns", "gaps", "backwards", "one number")
few = settings(max_examples=8, deadline=None)


def lying(x: Any, layout: str) -> Any:
    """The same numbers, in memory in another way."""
    if layout == "columns":
        return x.copy(order="F")
    if layout == "gaps":
        return np.repeat(x[..., None], 2, axis=-1)[..., 0]
    if layout == "backwards" and x.ndim:
        return np.flip(np.flip(x).copy())
    if layout == "one number" and x.size:  # every stride is 0
        return np.broadcast_to(x.reshape(-1)[:1].reshape((1,) * x.ndim), x.shape)
    return x.copy()


def named(op: Op) -> str:
    return op.name


def run(op: Op, operands: list[Any], attributes: dict[str, Any]) -> list[Any]:
    bound = op.bind(operands, attributes)
    return list(op.run(operands, bound, op.implementation(operands, bound)))[: op.returned]


@pytest.mark.parametrize("op", ELEMENTWISE, ids=named)
@few
@given(data=st.data())
def test_a_formula_over_any_operands_that_broadcast(op: Op, data: st.DataObject) -> None:
    count = len(op.signature.inputs)
    shapes = data.draw(arrays.mutually_broadcastable_shapes(num_shapes=count, min_side=0))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    operands = []
    for draw, shape in zip(op.samples[0].operands, shapes.input_shapes, strict=True):
        x = type(draw)(draw.kind, shape, draw.scale, draw.shift).array(rng, dtype)
        operands.append(lying(x, data.draw(st.sampled_from(LAYOUTS))))
    before = [x.copy() for x in operands]

    (y,) = run(op, operands, {})

    (expected,) = run(op, [x.copy() for x in operands], {})
    assert y.shape == shapes.result_shape
    np.testing.assert_allclose(y, expected, rtol=1e-4 if dtype is np.float32 else 1e-12)
    for x, then in zip(operands, before, strict=True):
        np.testing.assert_array_equal(x, then)


@pytest.mark.parametrize("op", OTHERS, ids=named)
@few
@given(data=st.data())
def test_an_op_over_operands_that_lie_in_any_way(op: Op, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(op.samples))
    rng = np.random.default_rng(7)
    plain = [draw.array(rng) for draw in sample.operands]
    layouts = [data.draw(st.sampled_from(LAYOUTS[:-1])) for _ in plain]
    operands = [lying(x, layout) for x, layout in zip(plain, layouts, strict=True)]
    before = [x.copy() for x in operands]

    results = run(op, operands, sample.attributes)

    for y, expected in zip(results, run(op, plain, sample.attributes), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-9)
    for x, then in zip(operands, before, strict=True):
        np.testing.assert_array_equal(x, then)


@pytest.mark.parametrize("op", OTHERS, ids=named)
@pytest.mark.filterwarnings("error")
def test_an_op_over_nothing_gives_nothing_or_says_why_it_cannot(op: Op) -> None:
    rng, said = np.random.default_rng(7), list[str]()
    for sample in op.samples:
        plain = [draw.array(rng) for draw in sample.operands]
        for axis in range(plain[0].ndim):
            operands = [x if x is not plain[0] else x.take([], axis) for x in plain]

            try:
                results = run(op, operands, sample.attributes)
            except AzuraForgeError as error:
                said.append(str(error))
            else:
                shapes = op.shapes(operands, op.bind(operands, sample.attributes))
                assert [math.prod(y.shape) for y in results] == [
                    math.prod(shape) for shape in shapes[: op.returned]
                ]

    assert all(message.startswith(op.name) for message in said)
