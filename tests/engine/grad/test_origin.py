from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import azuraforge
from azuraforge.autograd import Function, explain
from azuraforge.engine import nn
from azuraforge.engine.grad.custom import once_differentiable
from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.grad.origin import texts
from azuraforge.engine.ops import OPS
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import DTypeError
from azuraforge.utils.checkpoint import checkpoint


def line() -> int:
    """The line that calls this."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def said(x: Tensor, capsys: Any) -> str:
    explain(x)
    return str(capsys.readouterr().out)


def test_a_formula_its_gradients_shapes_and_lines_are_told(capsys: Any) -> None:
    x = tensor(np.ones((3, 4)), requires_grad=True)
    t, made = x.tanh(), line()
    y, multiplied = t * 2.0, line()

    text = said(y, capsys)

    assert text.startswith("float64 (3, 4) on cpu: made by mul\n")
    assert f"at {__file__}:{multiplied} in test_a_formula" in text
    assert f"a: (3, 4), from tanh, {__file__}:{made} in test_a_formula" in text
    assert "b: (), needs no gradient" in text
    assert "y = a * b\n  ga = g * b\n  gb = g * a" in text


def test_the_line_is_the_users_through_modules_and_functions(capsys: Any) -> None:
    model = nn.Sequential(nn.Linear(4, 2), nn.Tanh())
    y, here = model(tensor(np.ones((3, 4), np.float32))), line()

    text = said(y, capsys)

    assert f"at {__file__}:{here} in" in text
    assert "x: (3, 2), from linear" in text


def test_the_source_of_a_reference_and_of_its_gradients_is_told(capsys: Any) -> None:
    a, b = (tensor(np.ones((2, 2)), requires_grad=True) for _ in range(2))

    text = said(a @ b, capsys)

    assert "forward = lambda xp, a, b, y: xp.matmul(a, b, out=y)" in text
    assert "def _left(xp: Any, g: Array, b: Array" in text
    assert "a: (2, 2), a leaf" in text
    assert "keeps a (32 bytes), b (32 bytes) for its gradients" in text


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.reference.gradients])
def test_of_every_op_there_is_something_to_show(op: Any) -> None:
    found = texts(op)

    assert len(found) == 1 + len(op.reference.gradients)
    assert all(found.values())
    assert not any("source is not there" in text for text in found.values())


def test_functions_of_the_users_own_are_told(capsys: Any) -> None:
    class Twice(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 2.0

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * 2.0

    text = said(Twice.apply(tensor([1.0], requires_grad=True)), capsys)

    assert "made by Twice" in text
    assert "return x * 2.0" in text
    assert "return g * 2.0" in text


def test_what_is_kept_is_told_when_it_is_gone_and_when_it_never_was(capsys: Any) -> None:
    x = tensor([1.0], requires_grad=True)
    y = x.exp()
    y.backward()

    assert "keeps nothing any more: a backward() used it up" in said(y, capsys)
    assert "a checkpoint computes it again" in said(checkpoint(azuraforge.exp, x), capsys)


def test_where_nothing_was_recorded_that_is_said(capsys: Any) -> None:
    x = tensor([1.0], requires_grad=True)
    with no_grad():
        y = x * 2.0

    assert "needs no gradient, so nothing was recorded" in said(y, capsys)
    assert "a leaf, which no op made" in said(x, capsys)
    _, logdet = azuraforge.linalg.slogdet(tensor(np.eye(2), requires_grad=True))
    assert "output 1 of slogdet" in said(logdet, capsys)
    with pytest.raises(DTypeError, match="explain: got a ndarray"):
        explain(np.ones(2))


def test_the_past_of_a_captured_steps_result_is_told(capsys: Any) -> None:
    w = tensor([1.0], requires_grad=True)
    step = capture(lambda x: (w * x).sum())

    for _ in range(4):
        y = step(tensor([2.0]))

    assert "made by sum" in said(y, capsys)
