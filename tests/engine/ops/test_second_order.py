"""Gradients of gradients, by differences, on every sample of every declaration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge.engine.grad.check import gradgradcheck
from azuraforge.engine.grad.higher import grad
from azuraforge.engine.ops import OPS, Op
from azuraforge.engine.ops.sample import Sample
from azuraforge.engine.tensor import Tensor
from tests.engine.ops.parts import in_real_parts, operands

CASES = [
    pytest.param(op, sample, id=f"{op.name}-{number}")
    for op in OPS.values()
    if op.reference.gradients
    for number, sample in enumerate(op.samples)
]
every_sample = pytest.mark.parametrize(("op", "sample"), CASES)


def tensors(sample: Sample, dtype: Any = np.float64) -> list[Tensor]:
    return [Tensor(x, requires_grad=x.dtype.kind == "f") for x in operands(sample, dtype)]


def gradients(op: Op, sample: Sample, dtype: Any, *, create_graph: bool) -> list[Tensor | None]:
    inputs = tensors(sample, dtype)
    results = op(*inputs, **sample.attributes)
    outputs = [y for y in (results if isinstance(results, tuple) else (results,)) if y.node]
    weights = [Tensor(np.ones(y.shape, y.dtype)) for y in outputs]
    wanted = [x for x in inputs if x.requires_grad]
    return list(grad(outputs, wanted, weights, create_graph=create_graph, allow_unused=True))


@every_sample
def test_the_gradient_of_the_gradient_equals_differences(op: Op, sample: Sample) -> None:
    function, inputs = in_real_parts(op, sample)

    assert gradgradcheck(function, inputs)


@every_sample
def test_the_gradient_with_a_graph_is_the_gradient_without(op: Op, sample: Sample) -> None:
    for dtype, rtol in ((np.float32, 1e-4), (np.float64, 1e-9)):
        plain = gradients(op, sample, dtype, create_graph=False)

        recorded = gradients(op, sample, dtype, create_graph=True)

        for g, same in zip(plain, recorded, strict=True):
            assert (g is None) == (same is None)
            if g is not None and same is not None:
                size = max(1.0, float(np.abs(g.data).max(initial=0)))
                np.testing.assert_allclose(same.data, g.data, rtol=rtol, atol=rtol * size)
                assert same.dtype == g.dtype
