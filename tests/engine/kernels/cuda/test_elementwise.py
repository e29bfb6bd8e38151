"""What CUDA's kernels compute and which arrays they see, run by g++ on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from azuraforge.engine.device import array_module, is_array, put
from azuraforge.engine.kernels.cuda import elementwise
from azuraforge.engine.kernels.cuda.elementwise import MOST_NUMBERS, Kernel, accepts, loop
from azuraforge.engine.ops import OPS, Op
from azuraforge.engine.ops.formula import Formula
from azuraforge.errors import DeviceError

OF_FORMULAS = [op for op in OPS.values() if op.formulas is not None]
ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5)


def cases(op: Op, dtype: Any) -> list[list[Any]]:
    """The op's samples, NaN and infinity beside all else, arrays with gaps, and a number."""
    rng = np.random.default_rng(7)
    found = [[draw.array(rng, dtype) for draw in sample.operands] for sample in op.samples]
    count = len(op.signature.inputs)
    truths = [x.dtype.kind == "b" for x in found[0]]
    odd = np.array(np.meshgrid(*[ODD] * min(count, 2)), dtype).reshape(min(count, 2), -1)
    found.append([*odd, odd[0][::-1]][:count])
    wide = np.asarray(rng.uniform(0.5, 0.9, (count, 4, 3, 6)), dtype)
    found.append([x[:, ::-1, ::2].transpose(2, 0, 1) for x in wide])
    found = [
        [np.asarray(x > 0.7) if is_truth else x for x, is_truth in zip(each, truths, strict=True)]
        for each in found
    ]
    if count > 1:
        found.append([*found[0][:-1], 0.75])
    return found


def results(op: Op, how: Any, xp: Any, inputs: list[Any]) -> list[Any]:
    """The result, then the gradients for g = 2, 3, 2, 3, …"""
    (shape,), (dtype,) = op.shapes(inputs, ()), op.types(inputs, ())
    y = xp.zeros(shape, dtype)
    with np.errstate(all="ignore"):
        how.run(xp, (*inputs, y), fills=True)
        if not how.gradients:
            return [y]
        g = (2 + xp.arange(y.size) % 2).reshape(shape).astype(dtype)
        shapes = [np.shape(x) for x in inputs]
        kept = how.keep((*inputs, y, *shapes, shape))
        needs = [is_array(x) and x.dtype.kind == "f" for x in inputs]
        return [y, *how.input_gradients(xp, needs, [g], kept, shapes)]


def assert_close(found: list[Any], expected: list[Any], rtol: float, inputs: list[Any]) -> None:
    for y, same in zip(found, expected, strict=True):
        assert (y is None) == (same is None)
        if y is not None:
            assert np.shape(y) == np.shape(same)
            np.testing.assert_allclose(y, same, rtol=rtol, atol=rtol, err_msg=str(inputs))


@pytest.fixture(scope="module")
def gpu(on_the_cpu, collector):
    """The stand-in, with every source that the tests of all ops need compiled in one go."""
    with pytest.MonkeyPatch.context() as patch:  # NumPy's arrays count as on the GPU
        patch.setattr(elementwise, "accepts", lambda operands: True)
        for op in OF_FORMULAS:
            for dtype in (np.float32, np.float64):
                for inputs in cases(op, dtype):
                    results(op, op.cuda, collector, inputs)
        on_the_cpu.ready(collector.sources)
        yield on_the_cpu


@pytest.mark.parametrize("op", OF_FORMULAS, ids=lambda op: op.name)
def test_result_and_gradients_are_those_of_the_reference(op, gpu):
    for dtype, rtol in ((np.float32, 2e-5), (np.float64, 1e-12)):
        for inputs in cases(op, dtype):
            found = results(op, op.cuda, gpu, inputs)
            expected = results(op, op.reference, np, inputs)

            assert_close(found, expected, rtol, inputs)


@pytest.mark.gpu
def test_so_they_are_on_a_gpu():
    try:
        xp = array_module("cuda")
    except DeviceError as error:
        pytest.skip(str(error))
    for op in OF_FORMULAS:
        for dtype, rtol in ((np.float16, 1e-2), (np.float32, 2e-5), (np.float64, 1e-12)):
            for inputs in cases(op, dtype):
                there = [put(x, "cuda") if is_array(x) else x for x in inputs]
                assert op.implementation(there, ()) is op.cuda

                found = results(op, op.cuda, xp, there)

                here = [None if y is None else put(y, "cpu") for y in found]
                assert_close(here, results(op, op.reference, np, inputs), rtol, inputs)


@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4), data=st.data())
def test_operands_of_any_strides_broadcast(shapes, data, on_the_cpu):
    formula = Formula.parse("a - b", ("a", "b"))
    operands = []
    for shape in shapes.input_shapes:
        order = data.draw(st.permutations(range(len(shape))))
        step = data.draw(st.sampled_from([1, 2, -1]))
        lying = np.random.default_rng(0).normal(size=[abs(step) * shape[axis] for axis in order])
        within = lying[(slice(None, None, step),) * len(shape)]
        operands.append(within.transpose(np.argsort(order)) if shape else within)
    y = np.full(shapes.result_shape[::-1], np.nan).T

    elementwise.launch(on_the_cpu, formula, y, operands)

    np.testing.assert_array_equal(y, np.subtract(*operands))


def test_arrays_of_one_dense_order_are_one_loop():
    lies = ((2, 5, 3, 4), (240, 4, 80, 20), 4)  # channels last

    assert loop((2, 5, 3, 4), (lies, lies)) == ((120,), (1, 1))


def test_a_bias_is_two_loops_and_a_single_number_one():
    rows = ((6, 2, 4), (32, 16, 4), 4)

    assert loop((6, 2, 4), (rows, ((4,), (4,), 4))) == ((12, 4), (4, 1, 0, 1))
    assert loop((6, 2, 4), (rows, ((), (), 4))) == ((48,), (1, 0))


class OnTheGpu:
    """What is asked of an array of CuPy's before its kernel runs."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)


@pytest.mark.parametrize(
    "operands",
    [
        (OnTheGpu("f4"), OnTheGpu("f4")),
        (OnTheGpu("f2"), 2),
        (0.5, OnTheGpu("f8")),
        (OnTheGpu("?"), OnTheGpu("f4"), 1.0),
    ],
)
def test_arrays_of_one_floating_type_numbers_and_truths_are_accepted(operands):
    assert accepts(operands)


@pytest.mark.parametrize(
    "operands",
    [
        (np.ones(3, np.float32), np.ones(3, np.float32)),
        (2.0, np.ones(3, np.float32)),
        (OnTheGpu("f4"), np.ones(3, np.float32)),
        (OnTheGpu("f4"), OnTheGpu("f8")),
        (OnTheGpu("f4"), OnTheGpu("i8")),
        (OnTheGpu("f4"), np.float32(1)),
        (OnTheGpu("?"), OnTheGpu("?")),
        (OnTheGpu("c8"),),
    ],
)
def test_the_rest_is_left_to_the_reference(operands):
    assert not accepts(operands)


def test_more_numbers_than_32_bits_count_are_left_to_the_reference():
    class Gpu:
        """Refuses to compile."""

        def multiply(self, a: Any, b: Any, out: Any) -> None:
            out[...] = 6

    one = np.ones(1, np.float32)
    x = np.broadcast_to(one, MOST_NUMBERS)

    class Written:
        size = MOST_NUMBERS

        def __setitem__(self, index: Any, value: float) -> None:
            self.value = value

    y = Written()
    Kernel(Formula.parse("x * x", ("x",)), {}).forward(Gpu(), y, x)

    assert y.value == 6
