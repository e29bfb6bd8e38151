"""What every op promises, tested on every sample of every declaration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge.engine.grad.check import gradcheck
from azuraforge.engine.ops import OPS, Op
from azuraforge.engine.ops.implementation import Implementation
from azuraforge.engine.ops.sample import Sample
from azuraforge.engine.tensor import Tensor
from tests.engine.ops.parts import in_real_parts, operands

CASES = [
    pytest.param(op, sample, id=f"{op.name}-{number}")
    for op in OPS.values()
    for number, sample in enumerate(op.samples)
]
every_sample = pytest.mark.parametrize(("op", "sample"), CASES)


def outputs(op: Op, arrays: list[Any], sample: Sample, how: Implementation | None = None) -> Any:
    bound = op.bind(arrays, sample.attributes)
    return op.run(arrays, bound, how or op.implementation(arrays, bound))


def gradients(op: Op, arrays: list[Any], sample: Sample, how: Implementation) -> list[Any]:
    """What `how` gives back for ones, through everything it keeps, in the order of the operands."""
    bound = op.bind(arrays, sample.attributes)
    results = op.run(arrays, bound, how)
    shapes = [*op.operands([a.shape for a in arrays]), *(y.shape for y in results)]
    kept = how.keep((*op.operands(arrays), *results, *bound, *shapes))
    ones = [np.ones_like(y) for y in results[: op.returned]]
    shapes = [a.shape for a in arrays]
    with np.errstate(all="ignore"):  # as backward() does
        return list(how.input_gradients(np, [True] * len(arrays), ones, kept, shapes))


@every_sample
def test_the_gradient_equals_central_differences(op: Op, sample: Sample) -> None:
    function, inputs = in_real_parts(op, sample)

    gradcheck(function, inputs)


@every_sample
def test_shapes_and_types_are_known_before_running(op: Op, sample: Sample) -> None:
    for dtype in (np.float32, np.float64):
        arrays = operands(sample, dtype)
        bound = op.bind(arrays, sample.attributes)

        results = op.run(arrays, bound, op.reference)

        assert [y.shape for y in results] == list(op.shapes(arrays, bound))
        assert [y.dtype for y in results] == op.types(arrays, bound)


@every_sample
def test_given_buffers_are_overwritten_whatever_they_held(op: Op, sample: Sample) -> None:
    if op.is_view:
        return
    arrays = operands(sample)
    bound = op.bind(arrays, sample.attributes)
    expected = outputs(op, arrays, sample)
    poison = {"f": np.nan, "c": np.nan, "b": True, "i": -1, "u": 77}
    buffers = [np.full_like(y, poison[y.dtype.kind]) for y in expected]

    op.run(arrays, bound, op.implementation(arrays, bound), buffers)

    for buffer, y in zip(buffers, expected, strict=True):
        np.testing.assert_array_equal(buffer, y)


@every_sample
def test_operands_and_gradients_given_are_left_alone(op: Op, sample: Sample) -> None:
    arrays = operands(sample)
    before = [a.copy() for a in arrays]
    bound = op.bind(arrays, sample.attributes)
    how = op.implementation(arrays, bound)
    results = op.run(arrays, bound, how)
    made = [y.copy() for y in results]

    if how.gradients:
        shapes = [*op.operands([a.shape for a in arrays]), *(y.shape for y in results)]
        kept = how.keep((*op.operands(arrays), *results, *bound, *shapes))
        ones = [np.ones_like(y) for y in results[: op.returned]]
        with np.errstate(all="ignore"):
            how.input_gradients(np, [True] * len(arrays), ones, kept, [a.shape for a in arrays])
        assert all((g == 1).all() for g in ones)

    for now, then in zip([*arrays, *results], [*before, *made], strict=True):
        np.testing.assert_array_equal(now, then)


@every_sample
def test_float32_is_close_to_float64_and_as_finite(op: Op, sample: Sample) -> None:
    exact = outputs(op, operands(sample), sample)
    single = outputs(op, operands(sample, np.float32), sample)

    for y, close in zip(exact, single, strict=True):
        if y.dtype.kind not in "fc":
            np.testing.assert_array_equal(close, y)
            continue
        fits = np.isfinite(y) & (np.abs(y) <= np.finfo(np.float32).max)
        size = max(1.0, float(np.abs(y[fits]).max(initial=0)))
        assert np.isfinite(close[fits]).all()
        np.testing.assert_allclose(close[fits], y[fits], rtol=1e-4, atol=1e-6 * size)


@every_sample
def test_gradients_are_finite_where_the_result_is(op: Op, sample: Sample) -> None:
    arrays = operands(sample, np.float32)
    results = outputs(op, arrays, sample)
    if not op.reference.gradients or not all(np.isfinite(y).all() for y in results):
        return
    with np.errstate(all="ignore"):
        found = gradients(op, arrays, sample, op.reference)

    assert all(gx is None or np.isfinite(gx).all() for gx in found)


@every_sample
def test_strided_operands_give_the_same(op: Op, sample: Sample) -> None:
    arrays = operands(sample)
    strided = [np.repeat(a[..., None], 2, axis=-1)[..., 0] for a in arrays]
    expected = outputs(op, arrays, sample)

    results = outputs(op, strided, sample)

    for y, same in zip(expected, results, strict=True):
        np.testing.assert_allclose(same, y, rtol=1e-12, atol=1e-12)


@every_sample
def test_only_what_a_gradient_names_is_kept(op: Op, sample: Sample) -> None:
    how = op.reference
    ways = (how, op.differentiable)
    named = {name for way in ways for _, gradient in way.gradients for name in gradient.wants}
    inputs = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in operands(sample)]

    results = op(*inputs, **sample.attributes)
    node = (results if isinstance(results, tuple) else (results,))[0].node

    assert set(how.kept) <= named
    if node is not None:
        kept = [a for a in node.kept if isinstance(a, np.ndarray)]
        assert len(kept) <= len(how.retained)


@every_sample
def test_the_kernel_and_the_reference_agree(op: Op, sample: Sample) -> None:
    for dtype, rtol in ((np.float32, 1e-4), (np.float64, 1e-9)):
        arrays = operands(sample, dtype)
        how = op.implementation(arrays, op.bind(arrays, sample.attributes))
        if how is op.reference:
            return

        found, expected = (
            outputs(op, arrays, sample, how),
            outputs(op, arrays, sample, op.reference),
        )
        for y, same in zip(found[: op.returned], expected[: op.returned], strict=True):
            atol = rtol * max(1.0, float(np.abs(same).max(initial=0)))
            np.testing.assert_allclose(y, same, rtol=rtol, atol=atol)
        pairs = zip(
            gradients(op, arrays, sample, how),
            gradients(op, arrays, sample, op.reference),
            strict=True,
        )
        for gx, same in pairs:
            assert (gx is None) == (same is None)
            if gx is not None:
                atol = rtol * max(1.0, float(np.abs(same).max(initial=0)))
                np.testing.assert_allclose(gx, same, rtol=rtol, atol=atol)
