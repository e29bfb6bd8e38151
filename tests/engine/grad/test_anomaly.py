from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import azuraforge
from azuraforge.engine import nn
from azuraforge.engine.grad.autograd import detect_anomaly, no_grad
from azuraforge.engine.grad.higher import grad
from azuraforge.engine.ops import OPS
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import NonFiniteError
from tests.engine.grad.test_origin import line

MAKERS = {
    "div": lambda x: x / (x - x),
    "log": lambda x: (x - 5.0).log(),
    "exp": lambda x: (x * 1e3).exp(),
    "mul": lambda x: (x * 1e200) * 1e200,
    "sum": lambda x: (x * 6e307).sum(),
    "matmul": lambda x: (x * 1e200) @ (x * 1e200),
    "pow": lambda x: (x - 3.0) ** 0.5,
    "erfinv": azuraforge.erfinv,
    "cat": lambda x: azuraforge.cat([x, x * 1.0]) * float("inf"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_op_that_makes_nan_or_inf_of_finite_numbers_is_named(name: str) -> None:
    x = tensor(np.array([1.5, 2.5]), requires_grad=True)
    op = "mul" if name == "cat" else name

    with detect_anomaly(), pytest.raises(NonFiniteError, match=rf"{op} made \d of \d numbers"):
        MAKERS[name](x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_formula_that_makes_nan_is_found_out(dtype: Any) -> None:
    for op in OPS.values():
        if op.formulas is None or not op.formulas[1]:
            continue
        for number in (-7.0, 0.0, 1.0, 1e30):
            inputs = [tensor(np.full(3, number, dtype))] * len(op.signature.inputs)
            y = op(*inputs)

            if np.isfinite(y.data).all():
                with detect_anomaly():
                    op(*inputs)
            else:
                with detect_anomaly(), pytest.raises(NonFiniteError, match=f"^{op.name} made"):
                    op(*inputs)


def test_what_was_nan_before_is_not_laid_at_an_ops_door() -> None:
    x = tensor([1.0, float("nan")])

    with (
        detect_anomaly(),
        pytest.raises(
            NonFiniteError, match=r"add was given a tensor \(2,\) with 1 of 2 numbers NaN or Inf"
        ),
    ):
        x + 1.0


def test_a_formula_may_pass_through_inf_on_its_way_to_finite_numbers() -> None:
    x = tensor(np.array([-1000.0, 1.0]), requires_grad=True)

    with detect_anomaly():
        azuraforge.nn.functional.silu(x).sum().backward()

    assert x.grad is not None
    assert np.isfinite(x.grad.data).all()


def test_a_gradient_names_the_line_of_its_op_recorded_or_not() -> None:
    for create_graph in (False, True):
        x = tensor([0.0, 1.0], dtype="float64", requires_grad=True)
        with detect_anomaly():
            y, at = x.sqrt(), line()
            with pytest.raises(NonFiniteError, match=rf"gradient of sqrt.*:{at} in test_"):
                grad(y.sum(), [x], create_graph=create_graph)


def test_a_gradient_names_the_layer_that_applied_its_op() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sqrt()

    model, x = nn.Sequential(nn.Identity(), nn.Sequential(Root())), tensor([0.0, 1.0])
    x.requires_grad_()

    with detect_anomaly(), pytest.raises(NonFiniteError, match=r"^the gradient of sqrt in 1\.0 "):
        model(x).sum().backward()


def test_a_captured_step_is_looked_at_too() -> None:
    step = capture(lambda x: x.log())
    for _ in range(4):
        step(tensor([1.0]))

    with detect_anomaly(), pytest.raises(NonFiniteError, match=r"^log made"):
        step(tensor([0.0]))


def test_without_a_graph_it_is_found_as_well() -> None:
    with detect_anomaly(), no_grad(), pytest.raises(NonFiniteError, match=r"^log made"):
        (tensor(np.array([1.0])) * 2.0 - 3.0).log() + 1.0
