"""How an op comes to its kernel, and does without."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from azuraforge.engine.grad import check
from azuraforge.engine.ops import OPS, elementwise
from azuraforge.engine.ops import op as op_module
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import GradientError

WITH_KERNEL = [op for op in OPS.values() if op.kernel_name]


@pytest.mark.parametrize("op", WITH_KERNEL, ids=lambda op: op.name)
def test_without_numba_the_reference_runs(op: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(op_module, "find_spec", lambda name: None)
    rng = np.random.default_rng(0)
    arrays = [draw.array(rng, np.float32) for draw in op.samples[0].operands]

    fresh = replace(op)  # what it found out about Numba is not copied

    bound = fresh.bind(arrays, op.samples[0].attributes)
    assert fresh.implementation(arrays, bound) is fresh.reference


@pytest.mark.parametrize("op", WITH_KERNEL, ids=lambda op: op.name)
def test_a_kernel_accepts_some_sample_of_its_op(op: Any) -> None:
    pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")
    rng = np.random.default_rng(0)

    def is_accepted(sample: Any) -> bool:
        arrays = [draw.array(rng, np.float32) for draw in sample.operands]
        return op.implementation(arrays, op.bind(arrays, sample.attributes)) is op.kernel

    assert any(is_accepted(sample) for sample in op.samples)


def test_the_gradient_is_of_the_implementation_that_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = SimpleNamespace(
        accepts=lambda x: x.dtype == np.float64,
        forward=lambda xp, x, y: np.copyto(y, x * x),
        gradients={"x": lambda xp, g, x: 3 * g * x},
    )
    square = replace(elementwise.square, kernel_name="square", formulas=None)
    monkeypatch.setattr(
        op_module,
        "import_module",
        lambda name: wrong if name.endswith(".square") else import_module(name),
    )
    monkeypatch.setattr(op_module, "find_spec", lambda name: True)
    x = Tensor(np.array([3.0]), requires_grad=True)

    with pytest.raises(GradientError, match=r"backward\(\) gives 4\.5, differences give 3"):
        check.gradcheck(square, [x])
    single = Tensor(np.float32([3]), requires_grad=True)
    square(single).backward()
    assert single.grad is not None
    assert single.grad.item() == 6
